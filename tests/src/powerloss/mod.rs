//! Power loss without a power switch.
//!
//! ```text
//!   node ──► shim.c (preloaded) ──► file system
//!                │ every write, size, name and sync, in order
//!                ▼
//!             events ──► Names  (which names survived)       ─┐
//!                   └──► Content (which bytes survived)      ─┴─► the folder as a disk could have kept it
//! ```
//!
//! The node is killed, which leaves everything that it wrote; then [`lose_power`] takes back what was not yet synced, by a
//! choice that follows from a seed:
//! - **Bytes** since a file's last sync are lost, kept, cut at any byte (with nothing, zeros or garbage behind), or kept
//!   page by page in any order. Overwritten bytes come back.
//! - **Names** (creation, rename, removal) since their folder's last sync are undone: as POSIX allows it, each for
//!   itself, or as a journaling file system does it, from some point on.
//!
//! What a sync covers: the changes recorded before it began, if it had ended when the process died. It does not cover the
//! drive's own cache: a drive that lies about flushes is out of reach of any program.
mod content;
mod damage;
mod events;
mod names;
mod shim;

pub use damage::{Damage, Watch, lose_power};
pub use shim::{Shim, build_shim};
