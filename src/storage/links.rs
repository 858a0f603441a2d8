//! Links to merchants' integration pages: how often they were withdrawn.

use sea_orm::{ConnectionTrait, Statement};

use super::{AuditRow, Storage, StorageError, audit::insert_audit, reading::Reading};
use crate::domain::ids::MerchantId;

impl Storage {
    /// How often this merchant's links have been withdrawn: older ones open nothing.
    ///
    /// # Errors
    /// [`StorageError`], as every method here.
    pub async fn link_generation(&self, merchant: &MerchantId) -> Result<i64, StorageError> {
        let sql = "SELECT generation FROM integration_link WHERE merchant = $1";
        let rows = self.read(sql.to_owned(), vec![merchant.as_str().into()]).await?;
        rows.first().map_or(Ok(0), |row| Reading::new(row).next())
    }

    /// Withdraws every link of this merchant that was made so far.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn withdraw_links(&self, merchant: &MerchantId, audit: &AuditRow) -> Result<(), StorageError> {
        let transaction = self.begin().await?;
        let sql = "INSERT INTO integration_link (merchant, generation) VALUES ($1, 1)
            ON CONFLICT (merchant) DO UPDATE SET generation = integration_link.generation + 1";
        let backend = transaction.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, [merchant.as_str().into()]);
        transaction.execute_raw(statement).await?;
        insert_audit(&*transaction, audit).await?;
        Ok(transaction.commit().await?)
    }
}
