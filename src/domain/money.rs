//! Money: exact, decimal, bounded.

use std::{
    fmt,
    ops::{AddAssign, Neg},
};

use rust_decimal::{Decimal, RoundingStrategy};

/// Decimal places of the smallest amount that can be told: 10^-8 of a currency unit.
pub const SCALE: u8 = 8;

/// An amount's absolute value stays below this many currency units, so that its count of 10^-8 fits an `i64`.
pub const UNITS_LIMIT: i64 = 90_000_000_000;

const PER_UNIT: i64 = 100_000_000;

/// An exact amount of some currency: a count of 10^-8 of its unit, absolute value below 90,000,000,000 units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMoney {
    /// Not ASCII digits with an optional leading `-` and one `.` between digits.
    #[error("an amount is written with ASCII digits and at most one point between them, as in 100 or 99.50")]
    Grammar,
    /// As large as 90,000,000,000 or larger.
    #[error("an amount stays below 90000000000")]
    TooLarge,
    /// Digits other than zero after the eighth decimal place.
    #[error("an amount has at most 8 decimal places")]
    Precision,
}

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From a stored count of 10^-8; `None` beyond the limit of [`UNITS_LIMIT`].
    pub const fn from_stored(count: i64) -> Option<Self> {
        if count.unsigned_abs() < (UNITS_LIMIT * PER_UNIT).unsigned_abs() { Some(Self(count)) } else { None }
    }

    /// The count of 10^-8 that is stored.
    pub const fn stored(self) -> i64 {
        self.0
    }

    /// Reads an amount by its own grammar: ASCII digits, optionally a leading `-` and one `.` between digits. No
    /// exponent, no separators, no spaces; digits after the eighth place must be zeros. Nothing is ever rounded.
    ///
    /// # Errors
    /// [`InvalidMoney`] says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidMoney> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) {
            return Err(InvalidMoney::Grammar);
        }
        let whole = whole.trim_start_matches('0');
        if whole.len() > 11 {
            return Err(InvalidMoney::TooLarge);
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > usize::from(SCALE) {
            return Err(InvalidMoney::Precision);
        }
        let count = format!("{whole}{fraction:0<8}").parse::<i64>().map_err(|_| InvalidMoney::TooLarge)?;
        Self::from_stored(if negative { -count } else { count }).ok_or(InvalidMoney::TooLarge)
    }

    /// Whether every digit beyond `places` decimal places is zero.
    pub const fn fits(self, places: u8) -> bool {
        places >= SCALE || self.0 % 10_i64.pow((SCALE - places) as u32) == 0
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The same value as a decimal number.
    pub fn decimal(self) -> Decimal {
        Decimal::new(self.0, u32::from(SCALE))
    }

    /// This amount times the multiplier, rounded half-even to 8 decimal places.
    ///
    /// # Panics
    /// Never: a multiplier is at most 1, so the product stays in range.
    #[must_use]
    pub fn times(self, multiplier: Multiplier) -> Self {
        let product = self.decimal() * multiplier.decimal();
        let mut rounded =
            product.round_dp_with_strategy(u32::from(SCALE), RoundingStrategy::MidpointNearestEven);
        rounded.rescale(u32::from(SCALE));
        Self(i64::try_from(rounded.mantissa()).expect("|amount × multiplier| is at most |amount|"))
    }

    /// As text with at least `places` decimal places and no superfluous zeros after them: `100.00`, `350.035`.
    pub fn display(self, places: u8) -> MoneyText {
        MoneyText { count: i128::from(self.0), places: usize::from(places.min(SCALE)) }
    }
}

/// The sum of many amounts of one currency: exact, and without the bound of a single one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Total(i128);

impl Total {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Of whole units and of what is left over, in 10^-8 of a unit. A database sums the two apart, because the sum of
    /// the counts themselves would not fit its integers.
    pub const fn of(units: i64, parts: i64) -> Self {
        Self(units as i128 * PER_UNIT as i128 + parts as i128)
    }

    /// Whole units, and what is left over in 10^-8 of a unit, of the same sign.
    ///
    /// # Panics
    /// Never in a ledger: a total of 10^18 units has 10,000,000 of the largest amounts in it.
    pub fn parts(self) -> (i64, i64) {
        let part = |part: i128| i64::try_from(part).expect("a total stays below 9 * 10^18 units");
        (part(self.0 / i128::from(PER_UNIT)), part(self.0 % i128::from(PER_UNIT)))
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// As text, like [`Money::display`].
    pub fn display(self, places: u8) -> MoneyText {
        MoneyText { count: self.0, places: usize::from(places.min(SCALE)) }
    }
}

impl AddAssign for Total {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Neg for Total {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl From<Money> for Total {
    fn from(money: Money) -> Self {
        Self(money.0.into())
    }
}

/// [`Money`] or a [`Total`] on its way to text; see [`Money::display`].
#[derive(Clone, Copy, Debug)]
pub struct MoneyText {
    count: i128,
    places: usize,
}

impl fmt::Display for MoneyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = (self.count.unsigned_abs(), u128::from(PER_UNIT.unsigned_abs()));
        let (whole, fraction) = (count / unit, count % unit);
        let digits = format!("{fraction:08}");
        let shown = digits.trim_end_matches('0').len().max(self.places);
        let sign = if self.count < 0 { "-" } else { "" };
        if shown == 0 { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{}", &digits[..shown]) }
    }
}

/// The part of a revenue event that is ours: above 0, at most 1, at most 8 decimal places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multiplier(Money);

impl Multiplier {
    /// The whole of it.
    pub const ONE: Self = Self(Money(PER_UNIT));

    /// Reads a decimal such as `0.35`.
    ///
    /// # Errors
    /// A sentence that says what a multiplier looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a multiplier: a decimal above 0 and at most 1, as in \"0.35\"");
        Self::from_stored(Money::parse(text).map_err(|_| wrong())?.stored()).ok_or_else(wrong)
    }

    /// From a stored count of 10^-8; `None` unless above 0 and at most 1.
    pub fn from_stored(count: i64) -> Option<Self> {
        (0 < count && count <= PER_UNIT).then_some(Self(Money(count)))
    }

    /// The count of 10^-8 that is stored.
    pub const fn stored(self) -> i64 {
        self.0.0
    }

    fn decimal(self) -> Decimal {
        self.0.decimal()
    }
}

/// As short as it can be told: `0.35`, `1`.
impl fmt::Display for Multiplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display(0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: i64 = UNITS_LIMIT * PER_UNIT - 1;

    #[test]
    fn amounts_are_read_by_their_own_grammar() {
        #[track_caller]
        fn check(text: &str, expected: Result<i64, InvalidMoney>) {
            assert_eq!(Money::parse(text).map(Money::stored), expected, "{text:?}");
        }
        check("100", Ok(10_000_000_000));
        check("0.1", Ok(10_000_000));
        check("4376450.73", Ok(437_645_073_000_000));
        check("4319.9013", Ok(431_990_130_000));
        check("-20", Ok(-2_000_000_000));
        check("-0", Ok(0));
        check("007.50", Ok(750_000_000));
        check("0.00000001", Ok(1));
        check("1.000000000000", Ok(100_000_000));
        check("89999999999.99999999", Ok(MAX));
        check("90000000000", Err(InvalidMoney::TooLarge));
        check("-90000000000", Err(InvalidMoney::TooLarge));
        check("79228162514264337593543950335", Err(InvalidMoney::TooLarge));
        check("0.000000001", Err(InvalidMoney::Precision));
        let garbage = [
            "", "-", ".", "+5", ".5", "5.", "1e5", "1E5", "1_000", "1,50", "1 000", " 1", "1 ", "1.2.3",
            "--1", "NaN", "inf", "0x10", "{sum}", "٣", "３", "1\0", "1e309", "-.5",
        ];
        for text in garbage {
            check(text, Err(InvalidMoney::Grammar));
        }
    }

    #[test]
    fn amounts_are_shown_at_least_to_the_minor_unit() {
        #[track_caller]
        fn check(text: &str, places: u8, expected: &str) {
            assert_eq!(Money::parse(text).unwrap().display(places).to_string(), expected);
        }
        check("100", 2, "100.00");
        check("350.035", 2, "350.035");
        check("-7", 2, "-7.00");
        check("-0.5", 0, "-0.5");
        check("1000", 0, "1000");
        check("0", 0, "0");
        check("0.00000001", 2, "0.00000001");
    }

    #[test]
    fn the_share_is_rounded_half_even_at_the_eighth_place() {
        #[track_caller]
        fn check(amount: &str, multiplier: &str, expected: &str) {
            let product = Money::parse(amount).unwrap().times(Multiplier::parse(multiplier).unwrap());
            assert_eq!(product.display(0).to_string(), expected, "{amount} × {multiplier}");
        }
        check("1000.10", "0.35", "350.035");
        check("-20", "0.35", "-7");
        check("0.00000001", "0.5", "0");
        check("0.00000003", "0.5", "0.00000002");
        check("-0.00000003", "0.5", "-0.00000002");
        check("89999999999.99999999", "1", "89999999999.99999999");
        check("89999999999.99999999", "0.99999999", "89999999099.99999999");
    }

    #[test]
    fn sums_are_exact_beyond_what_one_amount_can_be() {
        let largest = Money::from_stored(MAX).unwrap();
        let mut sum = Total::ZERO;
        for _ in 0..1_000 {
            sum += largest.into();
        }
        assert_eq!(sum.display(2).to_string(), "89999999999999.99999");
        sum += -Total::from(largest);
        assert_eq!(sum.display(2).to_string(), "89909999999999.99999001");
        assert_eq!((-sum).display(0).to_string(), "-89909999999999.99999001");
        assert_eq!(Total::ZERO.display(2).to_string(), "0.00");
    }

    #[test]
    fn a_multiplier_is_above_zero_and_at_most_one() {
        for text in ["0.35", "1", "1.0", "0.00000001"] {
            assert!(Multiplier::parse(text).is_ok(), "{text}");
        }
        for text in ["0", "-0.1", "1.00000001", "2", "abc", "", "0,35", "0.000000001"] {
            assert!(Multiplier::parse(text).is_err(), "{text}");
        }
        assert_eq!(Multiplier::parse("0.350").unwrap().to_string(), "0.35");
    }

    proptest! {
        #[test]
        fn money_survives_text_storage_and_json(count in -MAX..=MAX, places in 0u8..=8) {
            let money = Money::from_stored(count).unwrap();
            let text = money.display(places).to_string();
            prop_assert_eq!(Money::parse(&text), Ok(money));
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(Money::parse(&serde_json::from_str::<String>(&json).unwrap()), Ok(money));
            prop_assert_eq!(Money::from_stored(money.stored()), Some(money));
            prop_assert_eq!(Money::parse(&money.decimal().to_string()), Ok(money));
        }

        #[test]
        fn a_sum_of_parts_is_the_sum_of_amounts(counts in proptest::collection::vec(-MAX..=MAX, 0..50)) {
            let (mut sum, mut units, mut rest) = (Total::ZERO, 0, 0);
            for count in counts {
                sum += Money(count).into();
                units += count / PER_UNIT;
                rest += count % PER_UNIT;
            }
            prop_assert_eq!(Total::of(units, rest), sum);
            let (units, rest) = sum.parts();
            prop_assert_eq!(Total::of(units, rest), sum);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*") {
            let _ = Money::parse(&text);
        }

        #[test]
        fn the_product_is_the_nearest_representable_with_ties_to_even(
            count in -MAX..=MAX, multiplier in 1i64..=PER_UNIT,
        ) {
            let got = i128::from(
                Money::from_stored(count).unwrap().times(Multiplier::from_stored(multiplier).unwrap()).stored(),
            );
            let exact = i128::from(count) * i128::from(multiplier);
            let distance = (got * i128::from(PER_UNIT) - exact).abs() * 2;
            prop_assert!(distance <= i128::from(PER_UNIT));
            prop_assert!(distance < i128::from(PER_UNIT) || got % 2 == 0);
        }
    }
}
