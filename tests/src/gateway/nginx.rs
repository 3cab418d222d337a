//! nginx as an object store: what is put at a path (WebDAV) is got there.
use crate::harness::free_ports;
use eyre::{Context, bail};
use std::{
    fs::File,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const READY_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);
/// Where Debian has it, which only root's path names.
const DEBIAN: &str = "/usr/sbin/nginx";

/// A running object store. Killed when dropped.
#[derive(Debug)]
pub struct ObjectStore {
    objects: PathBuf,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    child: Child,
}

impl ObjectStore {
    /// Starts it with its objects in a folder.
    ///
    /// # Errors
    /// It is not installed, or does not listen.
    pub fn start(folder: &Path) -> eyre::Result<Self> {
        let [port] = free_ports()?;
        let (root, objects) = (folder.display(), folder.join("objects"));
        std::fs::create_dir_all(objects.join("ipfs"))?;
        let config = format!(
            "daemon off; master_process off; error_log stderr; pid {root}/pid; events {{}}
             http {{ access_log off; client_body_temp_path {root}/b; proxy_temp_path {root}/p;
                    fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
                    server {{ listen 127.0.0.1:{port}; root {root}/objects; location /ipfs/ {{ dav_methods PUT; }} }} }}"
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, config)?;
        let log = File::create(folder.join("nginx.log"))?;
        let mut command = Command::new(DEBIAN);
        command.arg("-c").arg(&file).arg("-p").arg(folder).stdin(Stdio::null());
        let child = command.stdout(log.try_clone()?).stderr(log).spawn().wrap_err("nginx cannot be started")?;
        let mut store = Self { objects, port, child };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = store.child.try_wait()? {
                bail!("nginx ended ({status}): see {}", folder.join("nginx.log").display());
            }
            if begun.elapsed() > READY_MAX {
                bail!("nginx does not listen on port {port}");
            }
            std::thread::sleep(POLL);
        }
        Ok(store)
    }

    /// The file of an object, which is got at `/ipfs/NAME`.
    pub fn object(&self, name: &str) -> PathBuf {
        self.objects.join("ipfs").join(name)
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        // It may have ended; nobody is left to tell if not.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
