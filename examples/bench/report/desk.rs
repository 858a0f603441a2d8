//! The figures of the manager's pages.

use std::time::Duration;

use super::{Figures, MEBIBYTE, as_float, grouped};
use crate::desk::{REVIEW, REVIEW_DOUBLED, SIGN_IN, STATISTICS};

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

    /// The pages that are to be quick, which the statistics are not among.
    fn quick_pages(&self) -> impl Iterator<Item = f64> {
        let quick = self.desk.iter().filter(|page| !matches!(page.title, SIGN_IN | STATISTICS));
        quick.map(|page| milliseconds(page.median))
    }

    /// The slowest quick page, in milliseconds.
    pub(super) fn slowest_page(&self) -> Option<f64> {
        self.quick_pages().max_by(f64::total_cmp)
    }

    /// The slowest quick page against the sign-in page.
    pub(super) fn page_ratio(&self) -> Option<f64> {
        Some(self.slowest_page()? / self.page(SIGN_IN)?)
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
