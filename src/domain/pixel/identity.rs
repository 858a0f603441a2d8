//! Who a player is, in the form in which platforms compare it: brought into one shape, then hashed with SHA-256, so
//! that they find whom they know already and learn nothing of whom they don't.

use sha2::{Digest, Sha256};

/// Brings a value into the shape in which it is compared; empty where it has no such shape.
pub(super) type Shape = fn(&str) -> String;

/// SHA-256, in lowercase hexadecimal.
pub(super) fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// The hash of a value in the given shape; nothing where the value has no such shape. One that a sender has hashed
/// already is left as it is.
pub(super) fn hashed(value: &str, shape: Shape) -> Option<String> {
    let value = value.trim();
    if value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(value.to_ascii_lowercase());
    }
    let shaped = shape(value);
    (!shaped.is_empty()).then(|| sha256(&shaped))
}

/// Small letters, as in an e-mail address.
pub(super) fn lower(value: &str) -> String {
    value.to_lowercase()
}

/// Digits with the country code and no zero before it: `+1 (650) 555-1212` is `16505551212`.
pub(super) fn phone(value: &str) -> String {
    digits(value).trim_start_matches('0').to_owned()
}

/// The same with a `+` before it, as E.164 writes it.
pub(super) fn phone_e164(value: &str) -> String {
    let digits = phone(value);
    if digits.is_empty() { digits } else { format!("+{digits}") }
}

/// Digits alone, as in a date of birth: `1997-02-16` is `19970216`.
pub(super) fn digits(value: &str) -> String {
    value.chars().filter(char::is_ascii_digit).collect()
}

/// Small letters without punctuation: a name.
pub(super) fn name(value: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || c.is_whitespace();
    value.to_lowercase().chars().filter(kept).collect::<String>().trim().to_owned()
}

/// Small letters and digits without spaces: a city, a state, a postal code.
pub(super) fn place(value: &str) -> String {
    value.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

/// `f` or `m`.
pub(super) fn gender(value: &str) -> String {
    let first = value.to_lowercase().chars().next();
    first.filter(|c| matches!(c, 'f' | 'm')).map(String::from).unwrap_or_default()
}

/// Two small letters.
pub(super) fn country(value: &str) -> String {
    let code = value.to_ascii_lowercase();
    let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase());
    if is_code { code } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples that Meta publishes.
    #[test]
    fn published_examples_have_their_published_hashes() {
        #[track_caller]
        fn check(value: &str, shape: Shape, expected: &str) {
            assert_eq!(hashed(value, shape).as_deref(), Some(expected), "{value}");
        }
        let email = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";
        check("john_smith@gmail.com", lower, email);
        check("  John_Smith@gmail.com ", lower, email);
        let number = "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176";
        check("16505551212", phone, number);
        check("+1 (650) 555-1212", phone, number);
        check("0016505551212", phone, number);
        let mary = "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec";
        check("mary", name, mary);
        check(" Mary. ", name, mary);
    }

    #[test]
    fn values_get_one_shape() {
        #[track_caller]
        fn check(shape: Shape, value: &str, expected: &str) {
            assert_eq!(shape(value), expected, "{value}");
        }
        check(phone, "no number", "");
        check(phone_e164, "+44 (0)20 7946 0958", "+4402079460958");
        check(phone_e164, "none", "");
        check(digits, "1997-02-16", "19970216");
        check(name, "O'Connor-Müller", "oconnormüller");
        check(place, "New York", "newyork");
        check(place, "94035-1234", "940351234");
        check(gender, "Female", "f");
        check(gender, "x", "");
        check(country, "DE", "de");
        check(country, "Germany", "");
    }

    #[test]
    fn what_is_hashed_already_stays_as_it_is_and_what_has_no_shape_is_left_out() {
        let hash = sha256("mary");
        assert_eq!(hashed(&hash.to_uppercase(), name), Some(hash));
        assert_eq!(hashed("", lower), None);
        assert_eq!(hashed("Germany", country), None);
    }
}
