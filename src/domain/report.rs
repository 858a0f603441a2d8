//! A postback in a sender's dialect, on its way through the door. Whose it is, its click tells; so it is read only
//! when that is known.

use std::{net::IpAddr, sync::Arc};

use super::{
    catalog::Catalog,
    click::Click,
    dialect::{Context, Dialect},
    goal::Goal,
    ids::{MerchantId, TransactionId},
    merchant::Merchant,
    params::Params,
    player::PlayerRef,
    postback::{Operation, Postback, Proof},
    refusal::{Code, Refusal},
    repetition::Repetition,
    time::Timestamp,
    working_set::WorkingSet,
};

/// A postback in a sender's dialect.
#[derive(Clone, Debug)]
pub struct Report {
    /// The dialect.
    pub dialect: Arc<Dialect>,
    /// Whose token it carried, if it carried one.
    pub sender: Option<MerchantId>,
    /// The player.
    pub player: PlayerRef,
    /// The name of the offer whose spot it named.
    pub offer_name: Option<String>,
    /// The parameters as they were sent.
    pub sent: Params,
    /// The address that it came from.
    pub address: IpAddr,
    /// What is known of it from before, where it is processed again.
    pub repetition: Option<Repetition>,
}

impl Report {
    /// Whom parameters name, where they can be understood as far as is possible before it is known whose they are.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn check(dialect: &Dialect, sent: &Params, catalog: &Catalog) -> Result<PlayerRef, Refusal> {
        let player = dialect.player(sent, catalog)?;
        dialect.check_syntax(sent)?;
        Ok(player)
    }

    /// Whose it is, where it has a right to be theirs: the one whose token it carried, or else the one whose player it
    /// names, if that one takes postbacks without a token.
    pub fn owner<'a>(&self, catalog: &'a Catalog, known: &WorkingSet) -> Option<&'a Arc<Merchant>> {
        if let Some(sender) = &self.sender {
            return catalog.merchants.get(sender);
        }
        let (merchant, offer) = match (known.click_of(&self.player), &self.player) {
            (Some(click), _) => (&click.merchant, &click.offer),
            (None, PlayerRef::User { offer, .. }) => (&catalog.offers.get(offer)?.merchant, offer),
            (None, PlayerRef::Click(_)) => return None,
        };
        let merchant = catalog.merchants.get(merchant)?;
        merchant.takes_untokened(&self.dialect, catalog.offers.get(offer)).then_some(merchant)
    }

    /// Reads it.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn read(
        &self,
        catalog: &Catalog,
        known: &WorkingSet,
        now: Timestamp,
    ) -> Result<(MerchantId, Postback), Refusal> {
        let click =
            known.click_of(&self.player).filter(|click| self.may_name(click)).ok_or_else(not_found)?;
        let offer = catalog.offers.get(&click.offer);
        let merchant = catalog.merchants.get(&click.merchant).ok_or_else(not_found)?;
        if self.sender.is_none() && !merchant.takes_untokened(&self.dialect, offer) {
            let detail = "Send the `token` that your affiliate manager gave you; it is missing.";
            return Err(Refusal::of(Code::InvalidToken, "token", detail));
        }
        if self.repetition.is_some_and(|before| before.is_admitted) {
            merchant.check_active()?;
        } else {
            merchant.admits(self.address)?;
        }
        let account = offer.and_then(|offer| offer.account).map(|account| account.to_string());
        if self.dialect.account(&self.sent).is_some_and(|sent| account.as_deref() != Some(sent)) {
            // A click of another account looks like none at all.
            return Err(not_found());
        }
        let context = Context { merchant: Some(merchant), offer, click: Some(&click.id) };
        let ours = self.dialect.translate(&self.sent, context);
        let (operation, currencies) = (self.dialect.operation, &catalog.currencies);
        let proof = self.repetition.map_or(Proof::AskedAt(now), |before| before.proof());
        let mut postback =
            Postback::parse_translated(operation, merchant, currencies, &ours, &self.sent, now, proof)?;
        if let Some(before) = self.repetition {
            postback.repeats = Some(before.request);
            postback.dry_run |= before.dry_run;
        }
        Ok((merchant.id.clone(), postback))
    }

    /// The goal that it is about, if it is one of this merchant's.
    pub fn goal<'a>(&self, merchant: &'a Merchant) -> Option<&'a Goal> {
        self.dialect.goal(&self.sent, merchant)
    }

    /// Its transaction id.
    pub fn transaction(&self) -> Option<TransactionId> {
        self.dialect.transaction(&self.sent)
    }

    /// Whether it may decide what is recorded.
    pub fn may_decide(&self) -> bool {
        self.dialect.operation != Operation::Record
    }

    fn may_name(&self, click: &Click) -> bool {
        self.sender.as_ref().is_none_or(|sender| *sender == click.merchant)
    }
}

fn not_found() -> Refusal {
    let detail =
        "No click of yours has this id: send the `click_id` exactly as the landing page received it.";
    Refusal::of(Code::ClickNotFound, "click_id", detail)
}
