//! Clicks for people and programs: found by their id, or in the order of their ids.

use std::collections::HashMap;

use super::{
    Scanned, Storage, StorageError, bulk,
    cells::{Cells, Column, Kind, columns},
    reading::Reading,
    rows::{self, CLICK_SELECTED, text},
    scan::{List, first_id},
};
use crate::domain::{
    click::Click,
    ids::{AffiliateId, ClickId, ConversionId, OfferId},
    params::Params,
    time::Timestamp,
};

/// Which clicks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClickFilter {
    /// Only this one.
    pub id: Option<ClickId>,
    /// Of this offer.
    pub offer: Option<OfferId>,
    /// Of this affiliate.
    pub affiliate: Option<AffiliateId>,
    /// With an id that was drawn at this time or later.
    pub from: Option<Timestamp>,
    /// With an id that was drawn before this time.
    pub to: Option<Timestamp>,
}

const CLICK_KEY: &[Column] = &columns![Text click_id];

/// The newest conversions of these clicks, of those that a player reaches once or of the others.
const CONVERSIONS: &str = "SELECT n.click_id, n.id FROM (
        SELECT k.click_id, c.id, row_number() OVER (PARTITION BY k.click_id ORDER BY c.id DESC) AS place
        FROM ({rows}) AS k CROSS JOIN conversion AS c WHERE c.click_id = k.click_id AND {which}
    ) AS n WHERE n.place <= {most}";

impl Storage {
    /// A page of clicks with their parameters, after the one with this id. Drawn ids grow with time, so these come
    /// newest first; ids that somebody has chosen stand where they belong among them as texts.
    ///
    /// # Errors
    /// [`StorageError`], as every method here.
    pub async fn click_list(
        &self,
        filter: &ClickFilter,
        after: Option<ClickId>,
        limit: u32,
    ) -> Result<Scanned<(Click, Params), ClickId>, StorageError> {
        let mut list = List::new("click", format!("c.params, {CLICK_SELECTED}"));
        if let Some(id) = &filter.id {
            list.look_up("c.id = ?", [id.as_str().into()]);
        }
        list.between(filter.from, filter.to, |at| first_id(at).to_string());
        if let Some(offer) = &filter.offer {
            list.look_through("c.offer = ?", [offer.as_str().into()]);
        }
        if let Some(affiliate) = &filter.affiliate {
            list.look_through("c.affiliate = ?", [affiliate.as_str().into()]);
        }
        let after = after.map(|id| id.to_string());
        let page = self.scan(&list, after, limit, |row| {
            let mut row = Reading::new(row);
            let params = rows::params(Some(&row.next::<String>()?))?;
            let click = rows::click(row)?;
            Ok((click.id.to_string(), (click, params)))
        });
        let page = page.await?;
        let next = page.next.map(|id| rows::valid(ClickId::parse(&id))).transpose()?;
        Ok(Scanned { rows: page.rows, next })
    }

    /// The ids of these clicks' conversions, newest first, at most so many of each.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn conversion_ids(
        &self,
        clicks: impl IntoIterator<Item = &ClickId> + Clone,
        most: usize,
    ) -> Result<HashMap<ClickId, Vec<ConversionId>>, StorageError> {
        let mut found: HashMap<ClickId, Vec<ConversionId>> = HashMap::new();
        for which in ["c.once", "NOT c.once"] {
            let mut cells = Cells::new(CLICK_KEY);
            clicks.clone().into_iter().for_each(|id| cells.push([text(id.as_str())]));
            let sql = CONVERSIONS.replace("{which}", which).replace("{most}", &most.to_string());
            for row in bulk::select(&self.reader, &[Kind::Text, Kind::Uuid], &sql, cells, None).await? {
                let mut row = Reading::of(&row);
                let click = row.id(ClickId::parse)?;
                found.entry(click).or_default().push(ConversionId::new(row.next()?));
            }
        }
        for conversions in found.values_mut() {
            conversions.sort_unstable_by(|one, other| other.cmp(one));
            conversions.truncate(most);
        }
        Ok(found)
    }
}
