//! What a report's result comes to: proof of data from outside taken off, mapping applied.
//!
//! ```text
//! Gateway, Identical, Median   gateways read the answer; the result is abi.encode(ISemantics.Observation[])
//! Device, Attested, fetched    the result is as the thing gave it, and is read here
//! ```
//!
//! An observation of gateways with time 0 gets the median of the times at which they observed.
use super::{MAPPING_FAILED, Request, TOO_LARGE, source::Source};
use crate::{
    precompiles::{Frame, prices},
    semantics::{self, Reader},
    things::{
        Result,
        abi::IThings::{self, Agreement},
        custom,
        observations::Said,
        registry::Thing,
        triggers,
    },
};
use alloy_primitives::Bytes;

/// How a request ends.
pub(super) struct Answer {
    /// Failure code; 0 for none.
    pub(super) code: u16,
    /// What the callback gets.
    pub(super) result: Bytes,
    said: Option<Said>,
}

impl Answer {
    pub(super) fn failure(code: u16) -> Self {
        Self { code, result: Bytes::new(), said: None }
    }
}

/// What a result that was proved comes to.
pub(super) fn of(frame: &mut Frame<'_>, request: &Request, result: &Bytes, observed_at_ms: u64) -> Result<Answer> {
    let source = request.source(frame)?;
    let payload = match &source {
        Source::Thing => result.clone(),
        other => other.data(frame, request.id, result)?,
    };
    let mapping = request.mapping(frame)?;
    let most = usize::try_from(request.max_result_bytes(frame)?).unwrap_or(usize::MAX);
    if mapping.is_zero() {
        let is_small = payload.len() <= most;
        return Ok(if is_small { Answer { code: 0, result: payload, said: None } } else { Answer::failure(TOO_LARGE) });
    }
    let by_gateways = matches!(request.agreement(), Agreement::Gateway | Agreement::Identical | Agreement::Median);
    let said = if by_gateways && source == Source::Thing {
        read_by_gateways(frame, request, &payload, observed_at_ms)?
    } else {
        let thing = request.thing(frame)?;
        match Said::read(frame, thing, mapping, &payload, observed_at_ms)? {
            Some(said) => said,
            None => return Ok(Answer::failure(MAPPING_FAILED)),
        }
    };
    let result = semantics::encode(frame, &said.observations)?;
    if result.len() > most {
        return Ok(Answer::failure(TOO_LARGE));
    }
    Ok(Answer { code: 0, result, said: Some(said) })
}

/// What is not in canonical form proves nothing, however many signed it.
fn read_by_gateways(frame: &mut Frame<'_>, request: &Request, encoded: &[u8], observed_at_ms: u64) -> Result<Said> {
    let mapping = request.mapping(frame)?;
    let reader = Reader::load(frame, mapping)?;
    let Some(mut observations) = reader.decode(frame, encoded)? else {
        return Err(custom(&IThings::InvalidProof {}));
    };
    frame.charge_words(observations.len().saturating_mul(32), prices::ABI_WORD_GAS)?;
    for observation in observations.iter_mut().filter(|observation| observation.time_ms == 0) {
        observation.time_ms = observed_at_ms;
    }
    let payload_hash = frame.keccak(encoded)?;
    let said = Said { reader, observations, payload_hash };
    if said.is_ahead(frame) { Err(custom(&IThings::InvalidProof {})) } else { Ok(said) }
}

/// Lets the thing's latest values and those who watch them know, unless the mapping is not one that the thing speaks by,
/// or the thing is another generation by now.
pub(super) fn spread(frame: &mut Frame<'_>, request: &Request, answer: &Answer) -> Result<()> {
    let Some(said) = answer.said.as_ref().filter(|_| request.speaks_for_thing()) else { return Ok(()) };
    let id = request.thing(frame)?;
    let Some(thing) = Thing::find(frame, id)? else { return Ok(()) };
    if thing.generation() != request.generation(frame)? {
        return Ok(());
    }
    let observations = said.keep(frame, id)?;
    triggers::observe(frame, id, &observations)
}
