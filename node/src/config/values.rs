//! Types of settings that are written the same way on the command line, in the environment and in the file.
use clap::ValueEnum;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, net::IpAddr, str::FromStr, time::Duration};

/// Words separated by commas; an array of strings in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct List(pub Vec<String>);

impl List {
    /// A list of these words.
    pub fn of(words: &[&str]) -> Self {
        Self(words.iter().map(|word| (*word).to_owned()).collect())
    }
}

impl FromStr for List {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()))
    }
}

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> de::Visitor<'de> for Words {
            type Value = List;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of strings, or a string with commas")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<List, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut words: A) -> Result<List, A::Error> {
                let mut list = Vec::new();
                while let Some(word) = words.next_element()? {
                    list.push(word);
                }
                Ok(List(list))
            }
        }
        deserializer.deserialize_any(Words)
    }
}

/// A length of time: `250ms`, `5s`, `2m`, `3h`, or a plain number of seconds (`1`, `0.5`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Period(pub Duration);

impl Period {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

/// Longest time that a setting may state: a year. Longer ones are typing errors, and overflow instants.
const PERIOD_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

impl FromStr for Period {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(number_end);
        let unit_seconds = match unit.trim() {
            "" | "s" => 1.0,
            "ms" => 0.001,
            "m" => 60.0,
            "h" => 3600.0,
            other => return Err(format!("unknown unit `{other}`: use ms, s, m or h")),
        };
        let number: f64 = number.parse().map_err(|_| format!("`{text}` is no length of time, such as 500ms or 2s"))?;
        let period = Duration::try_from_secs_f64(number * unit_seconds).map_err(|e| e.to_string())?;
        if period > PERIOD_MAX {
            return Err(format!("`{text}` is longer than a year"));
        }
        Ok(Self(period))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_millis() {
            0 => write!(f, "{}s", self.0.as_secs()),
            _ => write!(f, "{}ms", self.0.as_millis()),
        }
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Time;
        impl de::Visitor<'_> for Time {
            type Value = Period;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time such as \"500ms\", or a number of seconds")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Period, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Period, E> {
                seconds.to_string().parse().map_err(E::custom)
            }
            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Period, E> {
                seconds.to_string().parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Time)
    }
}

/// `extip:IP`: an address that others know this node by, as geth and reth write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExternalAddress(pub IpAddr);

impl FromStr for ExternalAddress {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.strip_prefix("extip:").ok_or_else(|| format!("`{text}` does not begin with extip:"))?;
        address.parse().map(Self).map_err(|_| format!("`{address}` is no IP address"))
    }
}

impl fmt::Display for ExternalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "extip:{}", self.0)
    }
}

impl Serialize for ExternalAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ExternalAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// How much historical state is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GcMode {
    /// State of the latest blocks (`history.blocks`).
    Full,
    /// State of every block.
    Archive,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_takes_units_and_plain_seconds() {
        for (text, ms) in [("500ms", 500), ("2s", 2000), ("1", 1000), ("0.5", 500), ("3m", 180_000), ("0", 0)] {
            assert_eq!(text.parse::<Period>().unwrap().0.as_millis(), ms, "{text}");
        }
        for text in ["", "ms", "5 weeks", "-1", "1e3", "9999999999999h"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_period_is_printed_as_it_is_read() {
        for text in ["500ms", "2s", "0s"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_external_address_is_written_as_geth_writes_it() {
        let address: ExternalAddress = "extip:192.0.2.7".parse().unwrap();
        assert_eq!(address.to_string(), "extip:192.0.2.7");
        for text in ["192.0.2.7", "extip:", "upnp", "extip:node.example"] {
            assert!(text.parse::<ExternalAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_forgives_spaces_and_empty_words() {
        assert_eq!("eth, net,,web3 ".parse::<List>().unwrap(), List::of(&["eth", "net", "web3"]));
    }
}
