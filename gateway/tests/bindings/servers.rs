//! Programs of others that tests start and stop.
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A process that ends with the test.
pub struct Server(Child);

impl Server {
    /// Asks the process to end, and waits.
    pub fn stop(mut self) {
        self.signal("TERM");
        self.0.wait().unwrap();
    }

    /// Ends the process as power that goes does.
    pub fn kill(self) {}

    /// Stops the process in its tracks.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([format!("-{name}"), pid]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program with an environment added to this one's.
pub fn start(program: &str, arguments: &[&str], environment: &[(&str, String)]) -> Server {
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        Ok(child) => Server(child),
        Err(error) => panic!("{program}: {error}; scripts/install-deps.sh --tests installs what tests need"),
    }
}

/// A port where nobody listens.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A file of the certificates for tests.
pub fn tls(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name)
}

/// Configuration of a gateway that trusts the tests' authority, and shows a certificate to a host, if any.
pub fn trusting(host: &str, certificate: Option<&str>) -> String {
    let mut config = format!("ca = ['{}']\n", tls("ca.pem").display());
    if let Some(name) = certificate {
        let file = |kind: &str| tls(&format!("{name}.{kind}")).display().to_string();
        config += &format!(
            "[[credential]]\nhost = '{host}'\nkind = 'certificate'\ncertificate = '{}'\nkey = '{}'\n",
            file("pem"),
            file("key")
        );
    }
    config
}
