//! Distances on the WGS 84 ellipsoid in integers: the chord between two points through the Earth.
//!
//! ```text
//! latitude, longitude (1e-7 degrees) --> sine and cosine (scale 2^52) --> N = a / sqrt(1 - e^2 sin^2)
//!   --> x = N cos cos, y = N cos sin, z = N (1 - e^2) sin (micrometres) --> sqrt(dx^2 + dy^2 + dz^2)
//! ```
//!
//! A chord is shorter than the way along the ground by one part in 24 of the square of the angle: 0.004 % at 200 km.
//! Sines come from their series on an eighth of a turn; errors are far below a millimetre.
use alloy_primitives::{I256, U256};

/// Fractional bits of sines and of angles in radians.
const SCALE_BITS: u32 = 52;
/// Degrees of 1e-7 in half a turn.
const HALF_TURN: i64 = 1_800_000_000;
/// pi, with [`SCALE_BITS`] fractional bits.
const PI: i64 = 14_148_475_504_056_881;
/// Semi-major axis of WGS 84, micrometres.
const SEMI_MAJOR_AXIS_UM: i64 = 6_378_137_000_000;
/// First eccentricity squared, 6.69437999014e-3, with [`SCALE_BITS`] fractional bits.
const ECCENTRICITY_SQUARED: i64 = 30_148_807_229_077;

/// A point on the ellipsoid, units of 1e-7 degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) latitude: i64,
    pub(super) longitude: i64,
}

impl Position {
    /// Unpacks latitude (high 128 bits) and longitude (low 128 bits), each a signed number of 1e-7 degrees. `None` if
    /// either is off the globe.
    pub(super) fn unpack(number: I256) -> Option<Self> {
        let word = number.into_raw();
        let half =
            |bits: U256| i128::from_be_bytes(bits.to_be_bytes::<32>().split_at(16).1.try_into().unwrap_or_default());
        let latitude = i64::try_from(half(word.wrapping_shr(128))).ok()?;
        let longitude = i64::try_from(half(word)).ok()?;
        let quarter = HALF_TURN / 2;
        let on_globe = latitude.saturating_abs() <= quarter && longitude.saturating_abs() <= HALF_TURN;
        on_globe.then_some(Self { latitude, longitude })
    }

    /// Distance as the crow digs, millimetres.
    pub(super) fn chord_mm(self, other: Self) -> u64 {
        let (from, to) = (self.cartesian_um(), other.cartesian_um());
        let squares = from.into_iter().zip(to).map(|(a, b)| a.saturating_sub(b).saturating_pow(2));
        let sum = squares.fold(0i128, i128::saturating_add);
        let micrometres = u64::try_from(u128::try_from(sum).unwrap_or_default().isqrt()).unwrap_or(u64::MAX);
        micrometres / 1_000
    }

    /// Earth-centred coordinates, micrometres.
    fn cartesian_um(self) -> [i128; 3] {
        let (sin_lat, cos_lat) = sine_cosine(self.latitude);
        let (sin_lon, cos_lon) = sine_cosine(self.longitude);
        let sin_squared = scaled(sin_lat, sin_lat);
        let below = one().saturating_sub(scaled(ECCENTRICITY_SQUARED.into(), sin_squared));
        // sqrt keeps half of the fractional bits; as many are put in before.
        let root = u128::try_from(below).unwrap_or_default().wrapping_shl(SCALE_BITS).isqrt();
        let root = i128::try_from(root).unwrap_or(i128::MAX);
        let axis = i128::from(SEMI_MAJOR_AXIS_UM);
        let normal = axis.saturating_mul(one()).checked_div(root).unwrap_or(axis);
        let across = scaled(normal, cos_lat);
        let polar = scaled(normal, one().saturating_sub(ECCENTRICITY_SQUARED.into()));
        [scaled(across, cos_lon), scaled(across, sin_lon), scaled(polar, sin_lat)]
    }
}

fn one() -> i128 {
    1i128.wrapping_shl(SCALE_BITS)
}

/// Product of two numbers of which at least one has [`SCALE_BITS`] fractional bits, rounded down.
fn scaled(a: i128, b: i128) -> i128 {
    a.saturating_mul(b).wrapping_shr(SCALE_BITS)
}

/// Sine and cosine of an angle of at most half a turn either way, units of 1e-7 degree.
fn sine_cosine(angle: i64) -> (i128, i128) {
    // Reduced to an eighth of a turn, where the series converge fast.
    let magnitude = angle.saturating_abs().min(HALF_TURN);
    let quarter = HALF_TURN / 2;
    let eighth = HALF_TURN / 4;
    let folded = if magnitude > quarter { HALF_TURN.saturating_sub(magnitude) } else { magnitude };
    let swapped = folded > eighth;
    let small = if swapped { quarter.saturating_sub(folded) } else { folded };
    let radians = i128::from(small).saturating_mul(PI.into()).checked_div(HALF_TURN.into()).unwrap_or_default();
    let (mut sine, mut cosine) = series(radians);
    if swapped {
        std::mem::swap(&mut sine, &mut cosine);
    }
    if magnitude > quarter {
        cosine = cosine.saturating_neg();
    }
    (if angle < 0 { sine.saturating_neg() } else { sine }, cosine)
}

/// Taylor series around zero, for at most pi / 4: ten terms are below the scale's last bit.
fn series(radians: i128) -> (i128, i128) {
    let square = scaled(radians, radians);
    let (mut sine, mut cosine) = (radians, one());
    let (mut sine_term, mut cosine_term) = (radians, one());
    for term in 1..10i128 {
        let twice = term.saturating_mul(2);
        let next = |value: i128, a: i128, b: i128| {
            scaled(value, square).saturating_neg().checked_div(a.saturating_mul(b)).unwrap_or_default()
        };
        cosine_term = next(cosine_term, twice.saturating_sub(1), twice);
        sine_term = next(sine_term, twice, twice.saturating_add(1));
        cosine = cosine.saturating_add(cosine_term);
        sine = sine.saturating_add(sine_term);
    }
    (sine, cosine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use geographiclib_rs::{DirectGeodesic, Geodesic, InverseGeodesic};

    fn position(latitude: f64, longitude: f64) -> Position {
        let unit = |degrees: f64| (degrees * 1e7).round() as i64;
        Position { latitude: unit(latitude), longitude: unit(longitude) }
    }

    /// xorshift, so that the pairs are the same everywhere.
    struct Random(u64);

    impl Random {
        fn between(&mut self, low: f64, high: f64) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            low + (high - low) * (self.0 >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    #[test]
    fn distances_are_those_of_a_geodesic_library() {
        let seed = 20_260_401;
        let (mut random, geodesic) = (Random(seed), Geodesic::wgs84());
        for round in 0..10_000u32 {
            let latitude = match round % 4 {
                0 => random.between(89.0, 90.0),
                1 => random.between(-90.0, -89.0),
                _ => random.between(-90.0, 90.0),
            };
            let longitude = if round % 3 == 0 { random.between(179.0, 180.0) } else { random.between(-180.0, 180.0) };
            let azimuth = random.between(0.0, 360.0);
            let metres = random.between(1.0, 200_000.0);
            let (latitude2, longitude2): (f64, f64) = geodesic.direct(latitude, longitude, azimuth, metres);
            let (from, to) = (position(latitude, longitude), position(latitude2, longitude2));
            // The rounded positions' own distance.
            let degrees = |units: i64| units as f64 / 1e7;
            let expected: f64 = geodesic.inverse(
                degrees(from.latitude),
                degrees(from.longitude),
                degrees(to.latitude),
                degrees(to.longitude),
            );
            let found = from.chord_mm(to) as f64 / 1e3;
            let error = (found - expected).abs();
            assert!(
                error <= 0.005 * expected && error < 0.05 + expected * 1e-4,
                "seed {seed}: {from:?} {to:?} {found} {expected}"
            );
            assert_eq!(from.chord_mm(to), to.chord_mm(from));
        }
    }

    #[test]
    fn both_ends_of_the_date_line_and_all_longitudes_of_a_pole_are_one_place() {
        let line = |longitude| Position { latitude: 123_456_789, longitude };
        assert!(line(HALF_TURN).chord_mm(line(-HALF_TURN)) <= 2);
        let pole = |longitude| Position { latitude: HALF_TURN / 2, longitude };
        assert!(pole(0).chord_mm(pole(1_234_567_890)) <= 2);
    }

    #[test]
    fn packed_positions_off_the_globe_are_none() {
        let pack = |latitude: i128, longitude: i128| {
            let high = U256::from_be_slice(&latitude.to_be_bytes()) << 128;
            I256::from_raw(high | U256::from_be_slice(&longitude.to_be_bytes()))
        };
        let quarter = i128::from(HALF_TURN / 2);
        assert_eq!(Position::unpack(pack(-quarter, 7)), Some(Position { latitude: -900_000_000, longitude: 7 }));
        assert_eq!(Position::unpack(pack(1, -5)), Some(Position { latitude: 1, longitude: -5 }));
        for (latitude, longitude) in [(quarter + 1, 0), (-quarter - 1, 0), (0, 1_800_000_001), (i128::MAX, 0)] {
            assert_eq!(Position::unpack(pack(latitude, longitude)), None);
        }
    }
}
