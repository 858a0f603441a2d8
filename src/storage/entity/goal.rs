use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "goal")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) merchant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) alias: String,
    pub(crate) name: String,
    pub(crate) once: bool,
    pub(crate) amount: String,
    pub(crate) status_flow: String,
    pub(crate) role: String,
    pub(crate) show_sum: bool,
    pub(crate) show_count: bool,
    pub(crate) token: Option<String>,
    pub(crate) events: String,
    pub(crate) message: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
