//! The end of a height: by rounds, or by catch-up.
use super::{
    Machine,
    height::{BodyState, Phase},
    timers::Timer,
};
use crate::{
    action::{Action, BlockSource, Offence},
    certificate::CommitCertificate,
    event::BlockVerdict,
    notice::Notice,
};
use bytes::Bytes;

impl Machine {
    /// The core has decided.
    pub(super) fn decide(&mut self, certificate: CommitCertificate) {
        let Some(height) = self.height.as_ref().filter(|height| height.phase != Phase::Decided) else { return };
        let body = height.bodies.get(&certificate.block_hash).map(|body| body.bytes.clone());
        match body {
            Some(body) => self.end_height(certificate, body),
            // Not met: the core decides only what it was told is valid. Catch-up brings the block.
            None => {
                let reason = "decided a block that is not here".to_owned();
                self.notice(Notice::CoreRefused { height: certificate.height, reason });
            }
        }
    }

    fn end_height(&mut self, certificate: CommitCertificate, body: Bytes) {
        self.count_missed_turn(certificate.round);
        let Some(height) = &mut self.height else { return };
        height.phase = Phase::Decided;
        let elapsed_ms = height.begun_ms.map_or(0, |begun_ms| self.now.monotonic_ms.saturating_sub(begun_ms));
        let missing = certificate.missing(&height.set);
        let (number, round, block_hash) = (height.number, certificate.round, certificate.block_hash);
        let evidence = height.core.take_evidence();
        // Bodies and parts are of no more use.
        height.bodies.clear();
        height.assemblies = Default::default();
        self.timers.cancel_rounds();
        self.timers.cancel(Timer::Begin);
        self.actions.extend(evidence.into_iter().map(Action::StoreEvidence));
        self.notice(Notice::Decided { height: number, round, block_hash, elapsed_ms, missing });
        self.actions.push(Action::Decide { certificate, body });
    }

    /// Asks peers for what is missing, and takes what is here.
    pub(super) fn drive_sync(&mut self) {
        let current = self.current();
        // Without a height there is nothing to be behind of.
        if self.height.is_none() {
            return;
        }
        self.take_fetched();
        let actions = self.sync.drive(self.now.monotonic_ms, current, &mut self.random);
        self.actions.extend(actions);
    }

    /// Decides by a fetched block, if there is one for this height and its certificate holds.
    fn take_fetched(&mut self) {
        loop {
            let Some(height) = self.height.as_mut() else { return };
            let is_open = matches!(height.phase, Phase::Waiting | Phase::Running);
            if !is_open || height.is_stuck || height.syncing.is_some() {
                return;
            }
            let number = height.number;
            let Some(fetched) = self.sync.ready(number).cloned() else { return };
            let certificate = &fetched.block.certificate;
            let block_hash = certificate.block_hash;
            if certificate.verify(&self.settings.chain, &height.set, self.verifier.as_ref()).is_err() {
                self.sync.on_false(&fetched.peer, number);
                self.actions.push(Action::Report { peer: fetched.peer, offence: Offence::FalseBlock });
                continue;
            }
            match height.bodies.get(&block_hash).map(|body| (body.state, body.bytes.clone())) {
                Some((BodyState::Valid { .. }, body)) => return self.end_height(fetched.block.certificate, body),
                // Its verdict is under way; this is looked at again then.
                Some((BodyState::Validating, _)) => return,
                Some((BodyState::Invalid, _)) => return self.stop_at(number, block_hash),
                None => {}
            }
            let body = fetched.block.body.clone();
            height.syncing = Some(fetched);
            let target = self.sync.target();
            if target > number {
                self.notice(Notice::Syncing { height: number, target });
            }
            return self.actions.push(Action::Validate { height: number, block_hash, body, source: BlockSource::Sync });
        }
    }

    /// The node has looked at a fetched block.
    pub(super) fn on_synced_validated(&mut self, verdict: BlockVerdict) {
        let Some(height) = self.height.as_mut() else { return };
        let Some(fetched) = height.syncing.take() else { return };
        let (number, block_hash) = (height.number, fetched.block.certificate.block_hash);
        match verdict {
            BlockVerdict::Valid { .. } => self.end_height(fetched.block.certificate, fetched.block.body),
            BlockVerdict::Mismatch => {
                self.sync.on_false(&fetched.peer, number);
                self.actions.push(Action::Report { peer: fetched.peer, offence: Offence::FalseBlock });
            }
            BlockVerdict::Invalid => self.stop_at(number, block_hash),
        }
    }

    /// Two thirds decided what is invalid here: there is nothing to go on with.
    fn stop_at(&mut self, number: u64, block_hash: alloy_primitives::B256) {
        if let Some(height) = &mut self.height {
            height.is_stuck = true;
        }
        self.notice(Notice::DecidedBlockInvalid { height: number, block_hash });
    }
}
