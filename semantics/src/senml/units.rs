//! SenML's own unit names as UCUM units.

/// The UCUM unit and the factor to it of a unit in SenML's registries (RFC 8428, section 12.1; RFC 8798). `None` for those
/// that UCUM has no exact unit for: logarithmic levels, pH, reactive and apparent power.
pub fn ucum_of(unit: &str) -> Option<&'static str> {
    UNITS.iter().find(|(name, _)| *name == unit).map(|(_, ucum)| *ucum)
}

/// SenML's name of a UCUM unit, for writing; the first in the order of names.
pub(crate) fn senml_of(ucum: &str) -> Option<&'static str> {
    UNITS.iter().find(|(_, known)| *known == ucum).map(|(name, _)| *name)
}

const UNITS: &[(&str, &str)] = &[
    ("%", "%"),
    ("%EL", "%"),
    ("%RH", "%"),
    ("%/1", "%"),
    ("/", "1"),
    ("1/min", "/min"),
    ("1/s", "/s"),
    ("A", "A"),
    ("A/m", "A/m"),
    ("Ah", "A.h"),
    ("B", "By"),
    ("B/s", "By/s"),
    ("Bq", "Bq"),
    ("C", "C"),
    ("C/m2", "C/m2"),
    ("Cel", "Cel"),
    ("EL", "1"),
    ("F", "F"),
    ("F/m", "F/m"),
    ("GB", "GBy"),
    ("Gy", "Gy"),
    ("H", "H"),
    ("H/m", "H/m"),
    ("Hz", "Hz"),
    ("J", "J"),
    ("J/m", "J/m"),
    ("K", "K"),
    ("KiB", "KiBy"),
    ("MHz", "MHz"),
    ("Mbit/s", "Mbit/s"),
    ("N", "N"),
    ("N/C", "N/C"),
    ("Nm", "N.m"),
    ("Ohm", "Ohm"),
    ("Ohmm", "Ohm.m"),
    ("Pa", "Pa"),
    ("S", "S"),
    ("S/m", "S/m"),
    ("Sv", "Sv"),
    ("Sv/s", "Sv/s"),
    ("T", "T"),
    ("V", "V"),
    ("V/m", "V/m"),
    ("W", "W"),
    ("W/m2", "W/m2"),
    ("Wb", "Wb"),
    ("Wh", "W.h"),
    ("beat/min", "/min"),
    ("beats", "1"),
    ("bit", "bit"),
    ("bit/s", "bit/s"),
    ("cd", "cd"),
    ("cd/m2", "cd/m2"),
    ("cm", "cm"),
    ("count", "1"),
    ("deg", "deg"),
    ("g", "g"),
    ("h", "h"),
    ("hPa", "hPa"),
    ("kPa", "kPa"),
    ("kW", "kW"),
    ("kWh", "kW.h"),
    ("kVA", "kV.A"),
    ("kat", "kat"),
    ("kg", "kg"),
    ("kg/m3", "kg/m3"),
    ("km", "km"),
    ("km/h", "km/h"),
    ("l", "l"),
    ("l/s", "l/s"),
    ("lat", "deg"),
    ("lm", "lm"),
    ("lon", "deg"),
    ("lx", "lx"),
    ("m", "m"),
    ("m/s", "m/s"),
    ("m/s2", "m/s2"),
    ("m2", "m2"),
    ("m3", "m3"),
    ("m3/s", "m3/s"),
    ("mA", "mA"),
    ("mS/m", "mS/m"),
    ("mV", "mV"),
    ("min", "min"),
    ("mm", "mm"),
    ("mm/h", "mm/h"),
    ("mol", "mol"),
    ("ms", "ms"),
    ("ppm", "[ppm]"),
    ("ppb", "[ppb]"),
    ("rad", "rad"),
    ("s", "s"),
    ("sr", "sr"),
    ("tbit/s", "Tbit/s"),
    ("ug/m3", "ug/m3"),
    ("m3/h", "m3/h"),
    ("us", "us"),
    ("VA", "V.A"),
    ("VAh", "V.A.h"),
    ("W/sr", "W/sr"),
    ("kg/s", "kg/s"),
    ("dam", "dam"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ucum::Unit;

    #[test]
    fn every_unit_named_is_one_of_ucum() {
        for (name, ucum) in UNITS {
            assert!(Unit::parse(ucum).is_ok(), "{name}: {ucum}");
        }
        assert_eq!((ucum_of("%RH"), ucum_of("lat"), ucum_of("dBm")), (Some("%"), Some("deg"), None));
    }
}
