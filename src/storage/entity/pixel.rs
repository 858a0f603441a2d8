use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pixel")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) platform: String,
    pub(crate) offer: String,
    pub(crate) affiliate: Option<String>,
    pub(crate) platform_id: String,
    pub(crate) secret: String,
    pub(crate) measurement_secret: Option<String>,
    pub(crate) told_when: String,
    pub(crate) events: String,
    pub(crate) test_event_code: Option<String>,
    pub(crate) page: Option<String>,
    pub(crate) base_url: Option<String>,
    pub(crate) active: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
