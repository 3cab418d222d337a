//! What the words of a request's gateways come to, by the rules that the chain checks a report by.
use super::{
    chain::{Agreement, semantics_abi::ISemantics},
    word::Word,
};
use alloy_primitives::{Address, B256, Bytes, I256};
use alloy_sol_types::{SolType, SolValue, abi::AbiDecoderConfig, sol_data};
use num_bigint::BigInt;
use std::collections::BTreeMap;

/// Failure code: no group of gateways that say the same can exceed two thirds.
pub(crate) const NO_AGREEMENT: u16 = 6;

/// Words by who signed them, the latest of each.
pub(crate) type Words = BTreeMap<Address, Word>;

/// A report that the chain will take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settlement {
    /// Failure code; 0 for a result.
    pub(crate) code: u16,
    /// The result; empty for a failure.
    pub(crate) result: Bytes,
    /// `abi.encode(address relayer, SignedAnswer[] answers)`.
    pub(crate) proof: Bytes,
}

/// Where a request stands by the words that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Words are missing.
    Open,
    /// They settle it.
    Settled(Settlement),
    /// Whatever the silent gateways say, these words cannot be agreed upon.
    Impossible(Settlement),
}

/// More than two thirds of so many.
fn suffice(count: usize, of: usize) -> bool {
    count.saturating_mul(3) > of.saturating_mul(2)
}

/// Judges the words of a request that this many gateways serve, and whose answers are read through a mapping or not.
/// `relayer` gets the relayer's part of the fee.
pub(crate) fn judge(
    (agreement, mapped): (Agreement, bool),
    gateways: usize,
    words: &Words,
    relayer: Address,
) -> Standing {
    match agreement {
        Agreement::Gateway => match words.values().next() {
            Some(word) => Standing::Settled(settlement([word].into_iter(), word.code, word.result.clone(), relayer)),
            None => Standing::Open,
        },
        Agreement::Identical => judge_identical(gateways, words, relayer),
        Agreement::Median => judge_median(gateways, words, mapped, relayer),
        // For a result the thing's own word counts, which is no gateway's.
        Agreement::Device | Agreement::Attested => judge_failures(gateways, words, relayer),
    }
}

/// Most gateways say that it failed; why, the lower median of their codes says.
fn judge_failures(gateways: usize, words: &Words, relayer: Address) -> Standing {
    let failed: Vec<&Word> = words.values().filter(|word| word.code != 0).collect();
    let mut codes: Vec<u16> = failed.iter().map(|word| word.code).collect();
    codes.sort_unstable();
    match codes.get(codes.len().saturating_sub(1) >> 1) {
        Some(code) if suffice(failed.len(), gateways) => {
            Standing::Settled(settlement(failed.into_iter(), *code, Bytes::new(), relayer))
        }
        _ => Standing::Open,
    }
}

fn settlement<'w>(words: impl Iterator<Item = &'w Word>, code: u16, result: Bytes, relayer: Address) -> Settlement {
    Settlement { code, result, proof: proof(words, false, relayer) }
}

/// `abi.encode(relayer, answers)`; the words' results only for Median.
pub(crate) fn proof<'w>(words: impl Iterator<Item = &'w Word>, with_results: bool, relayer: Address) -> Bytes {
    let answers: Vec<_> = words.map(|word| word.in_proof(with_results)).collect();
    (relayer, answers).abi_encode_params().into()
}

fn judge_identical(gateways: usize, words: &Words, relayer: Address) -> Standing {
    let mut groups: BTreeMap<(u16, B256), Vec<&Word>> = BTreeMap::new();
    for word in words.values() {
        groups.entry((word.code, word.result_hash())).or_default().push(word);
    }
    match largest(&groups, gateways, words.len()) {
        Largest::Suffices(group) => match group.first() {
            Some(word) => Standing::Settled(settlement(group.iter().copied(), word.code, word.result.clone(), relayer)),
            None => Standing::Open,
        },
        Largest::MaySuffice => Standing::Open,
        Largest::Cannot => Standing::Impossible(settlement(words.values(), NO_AGREEMENT, Bytes::new(), relayer)),
    }
}

enum Largest<'w> {
    Suffices(Vec<&'w Word>),
    MaySuffice,
    Cannot,
}

fn largest<'w>(groups: &BTreeMap<(u16, B256), Vec<&'w Word>>, gateways: usize, spoken: usize) -> Largest<'w> {
    let group = groups.values().max_by_key(|group| group.len()).cloned().unwrap_or_default();
    let silent = gateways.saturating_sub(spoken);
    if suffice(group.len(), gateways) {
        Largest::Suffices(group)
    } else if suffice(group.len().saturating_add(silent), gateways) {
        Largest::MaySuffice
    } else {
        Largest::Cannot
    }
}

fn judge_median(gateways: usize, words: &Words, mapped: bool, relayer: Address) -> Standing {
    let mut groups: BTreeMap<(u16, B256), Vec<&Word>> = BTreeMap::new();
    for word in words.values() {
        // Numbers differ; a word that is no number would spoil the proof of the others.
        let hash = if word.code == 0 { B256::ZERO } else { word.result_hash() };
        if word.code != 0 || decimal(&word.result, mapped).is_some() {
            groups.entry((word.code, hash)).or_default().push(word);
        }
    }
    let spoken = groups.values().map(Vec::len).sum();
    match largest(&groups, gateways, spoken) {
        Largest::Suffices(group) if group.first().is_some_and(|word| word.code == 0) => match median(&group, mapped) {
            Some(result) => {
                let proof = proof(group.into_iter(), true, relayer);
                Standing::Settled(Settlement { code: 0, result, proof })
            }
            None => Standing::Open,
        },
        Largest::Suffices(group) => match group.first() {
            Some(word) => Standing::Settled(settlement(group.iter().copied(), word.code, Bytes::new(), relayer)),
            None => Standing::Open,
        },
        Largest::MaySuffice => Standing::Open,
        Largest::Cannot => {
            let all = groups.values().flatten().copied();
            Standing::Impossible(settlement(all, NO_AGREEMENT, Bytes::new(), relayer))
        }
    }
}

/// The lower median by value; of several ways to write one value the bytes decide.
fn median(words: &[&Word], mapped: bool) -> Option<Bytes> {
    let numbers: Vec<_> =
        words.iter().map(|word| Some((decimal(&word.result, mapped)?, &word.result))).collect::<Option<_>>()?;
    let smallest = numbers.iter().map(|((_, exponent), _)| *exponent).min()?;
    let mut sorted: Vec<_> = numbers.into_iter().map(|(value, bytes)| (at_exponent(value, smallest), bytes)).collect();
    sorted.sort();
    let lower = sorted.len().checked_sub(1)? >> 1;
    sorted.get(lower).map(|(_, bytes)| (*bytes).clone())
}

/// The number that a gateway says: bare, or as the only observation that a mapping reads.
fn decimal(result: &[u8], mapped: bool) -> Option<(I256, i8)> {
    if mapped {
        let observations = <Vec<ISemantics::Observation>>::abi_decode(result).ok()?;
        let [only] = observations.as_slice() else { return None };
        return (only.kind == ISemantics::ValueKind::Number).then_some((only.number, only.exponent));
    }
    let config = AbiDecoderConfig::new().strict(true);
    <(sol_data::Int<256>, sol_data::Int<8>)>::abi_decode_params_with_config(result, config).ok()
}

fn at_exponent((number, exponent): (I256, i8), smallest: i8) -> BigInt {
    let digits = i16::from(exponent).saturating_sub(i16::from(smallest));
    let factor = BigInt::from(10u8).pow(u32::try_from(digits).unwrap_or_default());
    BigInt::from_signed_bytes_be(&number.to_be_bytes::<32>()) * factor
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;
    use alloy_signer_local::PrivateKeySigner;
    use pervade_evm_ext::things::SignedAnswer;

    const RELAYER: Address = Address::repeat_byte(0xee);

    /// Words of gateways 1, 2, ...: code and result.
    fn words(said: &[(u16, &[u8])]) -> Words {
        let word = |(number, (code, result)): (u8, &(u16, &[u8]))| {
            let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(number)).unwrap();
            let result = Bytes::copy_from_slice(result);
            let word = Word::sign(&key, 1, (U256::from(9), 1), (*code, result), u64::from(number)).unwrap();
            (key.address(), word)
        };
        (1u8..).zip(said).map(word).collect()
    }

    fn number(number: i64, exponent: i8) -> Vec<u8> {
        (I256::try_from(number).unwrap(), exponent).abi_encode_params()
    }

    fn answers(settlement: &Settlement) -> Vec<SignedAnswer> {
        let (relayer, answers) = <(Address, Vec<SignedAnswer>)>::abi_decode_params(&settlement.proof).unwrap();
        assert_eq!(relayer, RELAYER);
        answers
    }

    fn settled(standing: Standing) -> Settlement {
        match standing {
            Standing::Settled(settlement) => settlement,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn identical_needs_more_than_two_thirds_of_all_not_of_those_who_spoke() {
        let judge =
            |gateways, said: &[(u16, &[u8])]| judge((Agreement::Identical, false), gateways, &words(said), RELAYER);
        assert_eq!(judge(4, &[(0, b"a"), (0, b"a")]), Standing::Open);
        assert_eq!(judge(3, &[(0, b"a"), (0, b"a")]), Standing::Open);
        let agreed = settled(judge(4, &[(0, b"a"), (0, b"a"), (0, b"a")]));
        assert_eq!((agreed.code, &agreed.result[..], answers(&agreed).len()), (0, &b"a"[..], 3));
    }

    #[test]
    fn one_lying_gateway_of_four_changes_nothing_and_two_make_agreement_impossible() {
        let judge = |said: &[(u16, &[u8])]| judge((Agreement::Identical, false), 4, &words(said), RELAYER);
        let agreed = settled(judge(&[(0, b"a"), (0, b"lie"), (0, b"a"), (0, b"a")]));
        assert_eq!((agreed.code, &agreed.result[..], answers(&agreed).len()), (0, &b"a"[..], 3));
        match judge(&[(0, b"a"), (0, b"lie"), (0, b"a"), (3, b"")]) {
            Standing::Impossible(report) => {
                assert_eq!((report.code, report.result.len(), answers(&report).len()), (NO_AGREEMENT, 0, 4));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(judge(&[(0, b"a"), (0, b"lie"), (0, b"a")]), Standing::Open, "the fourth may agree with two");
    }

    #[test]
    fn a_common_failure_is_agreed_upon_like_a_result() {
        let report = settled(judge((Agreement::Identical, false), 4, &words(&[(3, b""), (3, b""), (3, b"")]), RELAYER));
        assert_eq!((report.code, report.result.len()), (3, 0));
    }

    #[test]
    fn the_median_is_the_lower_one_by_value_whatever_the_exponents() {
        let said: Vec<_> = [(25, -1), (3, 0), (2, 0), (1_000, -3)].map(|(n, e)| number(n, e)).to_vec();
        let said: Vec<(u16, &[u8])> = said.iter().map(|bytes| (0, bytes.as_slice())).collect();
        let report = settled(judge((Agreement::Median, false), 4, &words(&said), RELAYER));
        assert_eq!(report.result, number(2, 0));
        let answers = answers(&report);
        assert!(answers.len() == 4 && answers.iter().all(|answer| !answer.result.is_empty()));
    }

    #[test]
    fn a_median_leaves_out_what_is_no_number_and_failures() {
        let numbers = [number(1, 0), number(2, 0), number(3, 0)];
        let mut said: Vec<(u16, &[u8])> = numbers.iter().map(|bytes| (0, bytes.as_slice())).collect();
        said.push((0, b"three"));
        let report = settled(judge((Agreement::Median, false), 4, &words(&said), RELAYER));
        assert_eq!((report.result.as_ref(), answers(&report).len()), (numbers[1].as_slice(), 3));
        let said: [(u16, &[u8]); 4] = [(0, &numbers[0]), (2, b""), (0, &numbers[1]), (3, b"")];
        assert!(matches!(judge((Agreement::Median, false), 4, &words(&said), RELAYER), Standing::Impossible(_)));
    }

    #[test]
    fn any_one_gateway_settles_what_one_is_trusted_with_and_none_what_the_thing_signs() {
        let report = settled(judge((Agreement::Gateway, false), 4, &words(&[(0, b"a")]), RELAYER));
        assert_eq!(answers(&report).len(), 1);
        assert_eq!(judge((Agreement::Device, false), 4, &words(&[(0, b"a" as &[u8]); 4]), RELAYER), Standing::Open);
    }

    #[test]
    fn most_gateways_say_that_a_thing_which_signs_has_failed_and_the_lower_median_of_their_codes_why() {
        for agreement in [Agreement::Device, Agreement::Attested] {
            let judge = |said: &[(u16, &[u8])]| judge((agreement, false), 4, &words(said), RELAYER);
            assert_eq!(judge(&[(2, b""), (2, b"")]), Standing::Open);
            assert_eq!(judge(&[(2, b""), (0, b"on"), (2, b"")]), Standing::Open);
            let report = settled(judge(&[(2, b""), (1, b""), (2, b"")]));
            assert_eq!((report.code, report.result.len(), answers(&report).len()), (2, 0, 3));
            assert_eq!(settled(judge(&[(2, b""), (1, b""), (1, b""), (4, b"")])).code, 1);
        }
    }
}
