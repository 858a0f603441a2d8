use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "offer")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) merchant: String,
    pub(crate) name: String,
    pub(crate) landing_url: String,
    pub(crate) active: bool,
    pub(crate) goals_enabled: bool,
    pub(crate) spot: Option<String>,
    pub(crate) currency: Option<String>,
    pub(crate) account: Option<i64>,
    pub(crate) payouts: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
