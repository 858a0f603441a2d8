use sea_orm::entity::prelude::*;

#[expect(clippy::struct_excessive_bools, reason = "each is a column of its own")]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "merchant")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) deal: String,
    pub(crate) multiplier: Option<i64>,
    pub(crate) currencies: Option<String>,
    pub(crate) allowed_ips: String,
    pub(crate) require_ftd: bool,
    pub(crate) hold_suspected: bool,
    pub(crate) require_signature: bool,
    pub(crate) signing_secret: Option<String>,
    pub(crate) initial_statuses: String,
    pub(crate) active: bool,
    pub(crate) dialect: Option<String>,
    pub(crate) dialect_token: bool,
    pub(crate) dialect_initial_status: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
