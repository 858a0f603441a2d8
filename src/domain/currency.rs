//! Currencies: ISO 4217, and the extras that are configured beside it.

use std::{collections::HashMap, fmt};

use serde::{Serialize, Serializer};

use super::money::SCALE;

/// The code of a currency, in capitals: `EUR`, `USDT`. At most 8 ASCII letters and digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CurrencyCode {
    letters: [u8; 8],
    length: u8,
}

impl CurrencyCode {
    /// Reads a code in upper or lower case; says nothing about whether such a currency exists.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric();
        if !(3..=8).contains(&text.len()) || !text.bytes().all(allowed) {
            return None;
        }
        let mut letters = [0; 8];
        letters[..text.len()].copy_from_slice(text.as_bytes());
        letters.make_ascii_uppercase();
        Some(Self { letters, length: u8::try_from(text.len()).ok()? })
    }

    /// The code in capitals.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.letters[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Display for CurrencyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CurrencyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for CurrencyCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A currency that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Currency {
    /// Its code.
    pub code: CurrencyCode,
    /// Decimal places of its minor unit: EUR 2, JPY 0, KWD 3, USDT 6, BTC 8.
    pub minor_unit: u8,
}

/// Every currency that is known here.
#[derive(Clone, Debug, Default)]
pub struct Currencies {
    extras: HashMap<CurrencyCode, u8>,
}

impl Currencies {
    /// ISO 4217 and these extras, each with the decimal places of its minor unit.
    pub fn with_extras(extras: impl IntoIterator<Item = (CurrencyCode, u8)>) -> Self {
        Self { extras: extras.into_iter().map(|(code, places)| (code, places.min(SCALE))).collect() }
    }

    /// These, and more extras.
    #[must_use]
    pub fn with_more(&self, extras: impl IntoIterator<Item = (CurrencyCode, u8)>) -> Self {
        let known = self.extras.iter().map(|(code, places)| (*code, *places));
        Self::with_extras(known.chain(extras))
    }

    /// The currency with this code, in upper or lower case. ISO codes without a minor unit (gold, test codes) are no
    /// money that a player deposits and are not known.
    pub fn find(&self, text: &str) -> Option<Currency> {
        let code = CurrencyCode::parse(text)?;
        if let Some(&minor_unit) = self.extras.get(&code) {
            return Some(Currency { code, minor_unit });
        }
        let minor_unit = iso_currency::Currency::from_code(code.as_str())?.exponent()?;
        Some(Currency { code, minor_unit: u8::try_from(minor_unit).ok()? })
    }

    /// A currency as it was recorded; one that is no longer known is shown without a minor unit.
    pub fn recorded(&self, text: &str) -> Option<Currency> {
        self.find(text).or_else(|| Some(Currency { code: CurrencyCode::parse(text)?, minor_unit: 0 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_currencies_and_configured_extras_are_known() {
        let usdt = CurrencyCode::parse("USDT").unwrap();
        let currencies = Currencies::with_extras([(usdt, 6)]);
        let minor_unit = |text| currencies.find(text).map(|c| c.minor_unit);
        assert_eq!(minor_unit("EUR"), Some(2));
        assert_eq!(minor_unit("eur"), Some(2));
        assert_eq!(minor_unit("JPY"), Some(0));
        assert_eq!(minor_unit("KWD"), Some(3));
        assert_eq!(minor_unit("usdt"), Some(6));
        for unknown in
            ["", "EURO", "XX", "EU", "BTC", "XAU", "XXX", "€", "ЕUR", "E R", "EUR\0", "TOOLONGCODE"]
        {
            assert_eq!(minor_unit(unknown), None, "{unknown:?}");
        }
        assert_eq!(currencies.find("eUr").unwrap().code.as_str(), "EUR");
    }
}
