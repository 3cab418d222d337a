//! Hosts of their own for nodes: network namespaces on one bridge, whose ways to each other can be cut. Needs root and `ip`.
use eyre::{Context, bail};
use std::process::Command;

/// Namespaces with addresses 10.77.0.1, 10.77.0.2, ... on a bridge that this machine is on too. Removed when dropped.
#[derive(Debug)]
pub struct Namespaces {
    tag: String,
    count: usize,
}

impl Namespaces {
    /// So many.
    ///
    /// # Errors
    /// `ip` is missing, or may not do it.
    pub fn create(count: usize) -> eyre::Result<Self> {
        let namespaces = Self { tag: format!("pv{}", std::process::id() % 10_000), count };
        let bridge = namespaces.bridge();
        ip(&["link", "add", &bridge, "type", "bridge"])?;
        ip(&["addr", "add", "10.77.0.254/24", "dev", &bridge])?;
        ip(&["link", "set", &bridge, "up"])?;
        for index in 0..count {
            let (name, outside) = (namespaces.name(index), format!("{}v{index}", namespaces.tag));
            ip(&["netns", "add", &name])?;
            ip(&["link", "add", &outside, "type", "veth", "peer", "name", "eth0", "netns", &name])?;
            ip(&["link", "set", &outside, "master", &bridge, "up"])?;
            ip(&["-n", &name, "addr", "add", &format!("{}/24", address(index)), "dev", "eth0"])?;
            ip(&["-n", &name, "link", "set", "eth0", "up"])?;
            ip(&["-n", &name, "link", "set", "lo", "up"])?;
        }
        Ok(namespaces)
    }

    fn bridge(&self) -> String {
        format!("{}b", self.tag)
    }

    /// Name of a namespace.
    pub fn name(&self, index: usize) -> String {
        format!("{}n{index}", self.tag)
    }

    /// Cuts the way between two, in both directions: what they send to each other is lost.
    ///
    /// # Errors
    /// It is cut already.
    pub fn cut(&self, one: usize, other: usize) -> eyre::Result<()> {
        self.route("add", one, other)
    }

    /// Joins two again.
    ///
    /// # Errors
    /// They are not cut.
    pub fn join(&self, one: usize, other: usize) -> eyre::Result<()> {
        self.route("del", one, other)
    }

    fn route(&self, what: &str, one: usize, other: usize) -> eyre::Result<()> {
        for (here, there) in [(one, other), (other, one)] {
            ip(&["-n", &self.name(here), "route", what, "blackhole", &format!("{}/32", address(there))])?;
        }
        Ok(())
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // What is gone already is gone.
        for index in 0..self.count {
            let _ = ip(&["netns", "del", &self.name(index)]);
        }
        let _ = ip(&["link", "del", &self.bridge()]);
    }
}

/// Address of the host in a namespace.
pub fn address(index: usize) -> String {
    format!("10.77.0.{}", index + 1)
}

fn ip(arguments: &[&str]) -> eyre::Result<()> {
    let output = Command::new("ip").args(arguments).output().wrap_err("ip (iproute2) cannot be run")?;
    if !output.status.success() {
        bail!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
