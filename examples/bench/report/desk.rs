//! The figures of the manager's pages.

use std::time::Duration;

use super::{Figures, MEBIBYTE, as_float, grouped};
use crate::desk::{REVIEW, REVIEW_DOUBLED, REVIEW_FILTERED, SIGN_IN, STATISTICS};

/// How long a page takes.
pub(crate) struct Rendered {
    pub(crate) title: &'static str,
    pub(crate) median: Duration,
    pub(crate) slowest: Duration,
}

/// An export of everything.
pub(crate) struct Exported {
    pub(crate) rows: u64,
    pub(crate) span: Duration,
    pub(crate) peak_memory_bytes: u64,
}

fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

impl Figures {
    fn page(&self, title: &str) -> Option<f64> {
        self.desk.iter().find(|page| page.title == title).map(|page| milliseconds(page.median))
    }

    /// The slowest page but these and the sign-in page, in milliseconds.
    fn slowest_but(&self, left_out: &[&str]) -> Option<f64> {
        let pages = self.desk.iter().filter(|page| page.title != SIGN_IN && !left_out.contains(&page.title));
        pages.map(|page| milliseconds(page.median)).max_by(f64::total_cmp)
    }

    /// The slowest page, in milliseconds; statistics have a limit of their own.
    pub(super) fn slowest_page(&self) -> Option<f64> {
        self.slowest_but(&[STATISTICS])
    }

    /// The slowest page against the sign-in page. A filtered review looks through all that wait, to count and sum them
    /// up, so it is left out.
    pub(super) fn page_ratio(&self) -> Option<f64> {
        Some(self.slowest_but(&[STATISTICS, REVIEW_FILTERED])? / self.page(SIGN_IN)?)
    }

    /// The review page with twice the conversions against the one with them once.
    pub(super) fn doubling_ratio(&self) -> Option<f64> {
        Some(self.page(REVIEW_DOUBLED)? / self.page(REVIEW)?)
    }

    /// A month's statistics, in milliseconds.
    pub(super) fn statistics(&self) -> Option<f64> {
        self.page(STATISTICS)
    }

    /// The most memory that the server held while it exported everything, in MiB.
    pub(super) fn export_memory(&self) -> Option<f64> {
        self.export.as_ref().map(|export| as_float(export.peak_memory_bytes) / MEBIBYTE)
    }

    pub(super) fn print_desk(&self) {
        if self.desk.is_empty() {
            return;
        }
        println!("\n{:<34} {:>10} {:>11}", "page", "median ms", "slowest ms");
        for page in &self.desk {
            println!(
                "{:<34} {:>10.1} {:>11.1}",
                page.title,
                milliseconds(page.median),
                milliseconds(page.slowest)
            );
        }
        if let Some(export) = &self.export {
            let (rows, seconds) = (grouped(export.rows), export.span.as_secs_f64());
            println!("an export of {rows} lines took {seconds:.1} s");
        }
    }
}
