use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "postback_endpoint")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) affiliate: String,
    pub(crate) offer: Option<String>,
    pub(crate) goal: Option<String>,
    pub(crate) statuses: String,
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) params: String,
    pub(crate) headers: String,
    pub(crate) basic_auth: Option<String>,
    pub(crate) signing_secret: Option<String>,
    pub(crate) success_statuses: String,
    pub(crate) success_body: String,
    pub(crate) active: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
