//! What a decision wants written.

use crate::domain::{
    catalog::Catalog,
    click::Click,
    conversion::Conversion,
    ids::{ClickId, ConversionId, EndpointId, GoalAlias, RequestId, UserId},
    params::Params,
    player::PlayerNote,
    status::StatusEvent,
};

/// A click to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewClick {
    /// The click.
    pub click: Click,
    /// The parameters that came with it.
    pub params: Params,
    /// The user who clicked, where they tell.
    pub user: Option<UserId>,
    /// Whether somebody has chosen its id.
    pub id_given: bool,
}

/// What shall be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Clicks to insert.
    pub clicks: Vec<NewClick>,
    /// Conversions to insert.
    pub recorded: Vec<Conversion>,
    /// Conversions that stood there pending, in their new state.
    pub decided: Vec<Conversion>,
    /// Steps of history to append.
    pub history: Vec<StatusEvent>,
    /// Deliveries that these steps owe.
    pub deliveries: Vec<OwedDelivery>,
    /// What has become known of players.
    pub players: Vec<PlayerNote>,
    /// What goals say on players' cards.
    pub messages: Vec<SystemMessage>,
    /// Requests that were processed again, and the conversions that they have led to.
    pub repeated: Vec<(RequestId, ConversionId)>,
}

/// What a goal says on a player's card when it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemMessage {
    /// The player's click.
    pub click: ClickId,
    /// The conversion that it tells of.
    pub conversion: ConversionId,
    /// The goal.
    pub goal: GoalAlias,
    /// What it says.
    pub text: String,
}

/// An endpoint that has to be told of one step in the history of a conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwedDelivery {
    /// Who is told.
    pub endpoint: EndpointId,
    /// Of which conversion.
    pub conversion: ConversionId,
    /// Of which step of its history.
    pub step: i32,
}

impl Changes {
    /// Every conversion that is new or has changed.
    pub fn conversions(&self) -> impl Iterator<Item = &Conversion> {
        self.recorded.iter().chain(&self.decided)
    }

    /// Adds what the steps of this conversion owe.
    pub(super) fn owe_deliveries(&mut self, catalog: &Catalog, conversion: &Conversion) {
        for event in &self.history {
            let told = catalog.endpoints_told(conversion, event);
            self.deliveries.extend(told.map(|endpoint| OwedDelivery {
                endpoint: endpoint.clone(),
                conversion: event.conversion,
                step: event.step,
            }));
        }
    }
}
