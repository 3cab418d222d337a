//! A link between a gateway and a server, which can be cut.
use std::io;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Passes connections on to a port of this machine. Ends when dropped.
#[derive(Debug)]
pub struct Link {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    is_whole: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Link {
    /// A whole link to a port.
    ///
    /// # Errors
    /// The machine has no port left.
    pub async fn to(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let own = listener.local_addr()?.port();
        let (is_whole, states) = watch::channel(true);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                // One that comes while the link is cut is closed at once.
                if *states.borrow() {
                    tokio::spawn(pass(near, port, states.clone()));
                }
            }
        });
        Ok(Self { port: own, is_whole, task })
    }

    /// Ends every connection; new ones end as soon as they are made.
    pub fn cut(&self) {
        self.is_whole.send_replace(false);
    }

    /// Makes it whole again.
    pub fn mend(&self) {
        self.is_whole.send_replace(true);
    }
}

async fn pass(mut near: TcpStream, port: u16, mut states: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    tokio::select! {
        // Who closes first does not matter.
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
        _ = states.wait_for(|is_whole| !is_whole) => {}
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}
