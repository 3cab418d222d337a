//! [`Network`]: what becomes of a message.
use super::{
    coverage::{Coverage, Path},
    random::Random,
    schedule::{MILLISECOND, Micros},
};

/// How bad all links are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    /// Messages of a thousand that are lost.
    pub loss: u64,
    /// Messages of a thousand that come twice.
    pub duplication: u64,
    /// Messages of a thousand that take up to [`Self::delay_max`] ten times over.
    pub stragglers: u64,
    /// Shortest way.
    pub delay_min: Micros,
    /// Longest way. The wider the span, the more messages overtake each other.
    pub delay_max: Micros,
}

impl Weather {
    /// A good network of one city.
    pub const CALM: Self =
        Self { loss: 0, duplication: 0, stragglers: 0, delay_min: MILLISECOND, delay_max: 5 * MILLISECOND };

    /// Some bad one.
    pub fn stormy(random: &mut Random) -> Self {
        let delay_min = random.between(1, 10) * MILLISECOND;
        Self {
            loss: *random.pick(&[0, 10, 50, 200]),
            duplication: *random.pick(&[0, 50, 300]),
            stragglers: *random.pick(&[0, 20, 100]),
            delay_min,
            delay_max: delay_min + random.pick(&[2, 20, 100, 400]) * MILLISECOND,
        }
    }
}

/// The links between nodes, of which some may be cut.
#[derive(Debug)]
pub struct Network {
    /// How bad they are.
    pub weather: Weather,
    /// Which side each node is on; messages between sides are lost.
    sides: Option<Vec<u8>>,
    /// Time at which the last message of each link arrives, to see that messages overtake each other.
    last_arrival: Vec<Micros>,
    nodes: usize,
}

impl Network {
    /// A good network.
    pub fn new(nodes: usize) -> Self {
        Self { weather: Weather::CALM, sides: None, last_arrival: vec![0; nodes * nodes], nodes }
    }

    /// Cuts the links between sides.
    pub fn partition(&mut self, sides: Vec<u8>) {
        self.sides = Some(sides);
    }

    /// All links are there again.
    pub fn heal(&mut self) {
        self.sides = None;
    }

    /// Whether some are cut.
    pub fn is_partitioned(&self) -> bool {
        self.sides.is_some()
    }

    /// Whether messages get from one to the other.
    pub fn connects(&self, from: usize, to: usize) -> bool {
        self.sides.as_ref().is_none_or(|sides| sides[from] == sides[to])
    }

    /// How long a message is on its way, for each time it arrives.
    pub fn send(
        &mut self,
        now: Micros,
        from: usize,
        to: usize,
        random: &mut Random,
        coverage: &mut Coverage,
    ) -> Vec<Micros> {
        if !self.connects(from, to) {
            coverage.hit(Path::MessageCutOff);
            return Vec::new();
        }
        if random.per_mille(self.weather.loss) {
            coverage.hit(Path::MessageLost);
            return Vec::new();
        }
        let mut delays = vec![self.delay(random, coverage)];
        if random.per_mille(self.weather.duplication) {
            coverage.hit(Path::MessageDuplicated);
            delays.push(self.delay(random, coverage));
        }
        let last = &mut self.last_arrival[from * self.nodes + to];
        for delay in &delays {
            if now + delay < *last {
                coverage.hit(Path::MessageOvertaken);
            }
            *last = (*last).max(now + delay);
        }
        delays
    }

    fn delay(&self, random: &mut Random, coverage: &mut Coverage) -> Micros {
        let delay = random.between(self.weather.delay_min, self.weather.delay_max);
        if random.per_mille(self.weather.stragglers) {
            coverage.hit(Path::MessageDelayed);
            return delay * random.between(2, 10);
        }
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weather_and_cuts_decide_what_arrives() {
        let (mut random, mut coverage) = (Random::new(3), Coverage::default());
        let mut network = Network::new(3);
        assert_eq!(network.send(0, 0, 1, &mut random, &mut coverage).len(), 1);
        network.partition(vec![0, 0, 1]);
        assert_eq!(network.send(0, 0, 1, &mut random, &mut coverage).len(), 1);
        assert!(network.send(0, 0, 2, &mut random, &mut coverage).is_empty());
        network.heal();
        network.weather = Weather { loss: 1_000, ..Weather::CALM };
        assert!(network.send(0, 0, 2, &mut random, &mut coverage).is_empty());
        network.weather = Weather { duplication: 1_000, stragglers: 1_000, delay_max: 90_000, ..Weather::CALM };
        for _ in 0..50 {
            assert_eq!(network.send(0, 0, 2, &mut random, &mut coverage).len(), 2);
        }
        for path in [Path::MessageLost, Path::MessageCutOff, Path::MessageDuplicated, Path::MessageOvertaken] {
            assert!(coverage.count(path) > 0, "{path:?}");
        }
    }
}
