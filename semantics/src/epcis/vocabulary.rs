//! Terms of the Core Business Vocabulary in one form.

/// A family of terms: its name in web URIs, and in URNs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    web: &'static str,
    urn: &'static str,
}

pub(super) const BIZ_STEP: Family = Family { web: "BizStep", urn: "bizstep" };
pub(super) const DISPOSITION: Family = Family { web: "Disp", urn: "disp" };
pub(super) const TRANSACTION: Family = Family { web: "BTT", urn: "btt" };
pub(super) const SOURCE_OR_DESTINATION: Family = Family { web: "SDT", urn: "sdt" };
pub(super) const ERROR_REASON: Family = Family { web: "ER", urn: "er" };

const WEB: &str = "https://ref.gs1.org/cbv/";
const URN: &str = "urn:epcglobal:cbv:";

/// A term as a web URI. Terms of others, which have a scheme of their own, stay as they are.
pub(super) fn term(text: &str, family: Family) -> String {
    let bare = if let Some(rest) = text.strip_prefix(URN) {
        rest.strip_prefix(family.urn).and_then(|rest| rest.strip_prefix(':'))
    } else if let Some(rest) = text.strip_prefix("cbv:") {
        rest.strip_prefix(family.web).and_then(|rest| rest.strip_prefix('-'))
    } else {
        (!text.contains(':')).then_some(text)
    };
    match bare {
        Some(bare) => format!("{WEB}{}-{bare}", family.web),
        None => text.to_owned(),
    }
}

/// The type of a sensor report as a web URI of GS1's vocabulary.
pub(super) fn measurement(text: &str) -> String {
    let bare = text.strip_prefix("gs1:").unwrap_or(text);
    if bare.contains(':') { text.to_owned() } else { format!("https://gs1.org/voc/{bare}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_spellings_of_a_term_are_one() {
        let uri = "https://ref.gs1.org/cbv/BizStep-shipping";
        for text in ["shipping", "urn:epcglobal:cbv:bizstep:shipping", "cbv:BizStep-shipping", uri] {
            assert_eq!(term(text, BIZ_STEP), uri, "{text}");
        }
        assert_eq!(term("https://example.org/step", BIZ_STEP), "https://example.org/step");
        assert_eq!(measurement("Temperature"), "https://gs1.org/voc/Temperature");
        assert_eq!(measurement("example:Abc"), "example:Abc");
    }
}
