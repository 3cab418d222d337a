//! EPCIS 2.0 events in JSON-LD (GS1 EPCIS 2.0.1), brought into one shape: what, when, where, why.
//!
//! ```text
//!  {"type": "ObjectEvent", "action": "OBSERVE", "eventID": ...,
//!   "what":    [identifiers],                     every instance and class that the event is about, each once
//!   "epcs", "parent", "children", "inputs", "outputs":  the same by their role
//!   "quantities": [{"class", "quantity", "unit", "role"}],
//!   "when":    {"eventTime", "recordTime", "offsetMinutes"},      times in unix milliseconds
//!   "where":   {"readPoint", "bizLocation"},
//!   "why":     {"bizStep", "disposition", "set", "unset", "transactions", "sources", "destinations"},
//!   "sensors": [{"type", "value", "unit", "time", ...}],          one for each sensor report
//!   "error":   {"reason", "time"}}
//! ```
//!
//! Terms of the Core Business Vocabulary have one form, the URI `https://ref.gs1.org/cbv/BizStep-shipping`, whether they
//! were written bare, as URN or as URI. Units of UN/CEFACT Recommendation 20 become UCUM. Extensions are not kept.
mod cefact;
mod document;
mod event;
mod sensor;
mod vocabulary;

pub use document::parse;
pub use event::Event;
