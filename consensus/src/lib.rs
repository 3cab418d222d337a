//! BFT agreement as a pure state machine, its log, its signing record, and catch-up.
