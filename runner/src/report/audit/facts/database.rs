//! What RDS tells of the cells' databases.

use super::{BACKUP, Read};
use crate::cloud::{Cell, Cloud, CloudError, aws};
use aws_sdk_rds::types::DbInstance;

/// A cell's database.
#[derive(Clone, Debug)]
pub(in super::super) struct Database {
    pub(in super::super) name: String,
    pub(in super::super) instance: Read<Instance>,
    /// The value of `require_secure_transport`; none where no parameter group sets it.
    pub(in super::super) secure_transport: Read<Option<String>>,
}

#[derive(Clone, Debug)]
pub(in super::super) struct Instance {
    pub(in super::super) arn: String,
    pub(in super::super) encrypted: bool,
    pub(in super::super) public: bool,
    pub(in super::super) protected: bool,
    /// Days for which it can be restored to any second; 0 is never.
    pub(in super::super) retention: i32,
    /// Whether RDS made the administrator's password, and rotates it.
    pub(in super::super) managed_password: bool,
    /// The value of its tag `bbws:backup`.
    pub(in super::super) plan: Option<String>,
}

pub(super) async fn read(cloud: &Cloud, cell: &Cell) -> Database {
    let name = &cell.database.instance;
    let described = describe(cloud, name).await;
    let secure_transport = match &described {
        Ok(found) => parameter(cloud, found, "require_secure_transport").await,
        Err(error) => Err(error.clone()),
    };
    Database {
        name: name.clone(),
        secure_transport,
        instance: described.map(|found| instance(&found)),
    }
}

fn instance(found: &DbInstance) -> Instance {
    let plan = found
        .tag_list()
        .iter()
        .find(|tag| tag.key() == Some(BACKUP));
    Instance {
        arn: found.db_instance_arn().unwrap_or_default().to_owned(),
        encrypted: found.storage_encrypted().unwrap_or(false),
        public: found.publicly_accessible().unwrap_or(true),
        protected: found.deletion_protection().unwrap_or(false),
        retention: found.backup_retention_period().unwrap_or_default(),
        managed_password: found.master_user_secret().is_some(),
        plan: plan.and_then(|tag| tag.value()).map(str::to_owned),
    }
}

async fn describe(cloud: &Cloud, name: &str) -> Read<DbInstance> {
    let described = cloud.rds.describe_db_instances();
    let answer = described
        .db_instance_identifier(name)
        .send()
        .await
        .map_err(aws("rds:DescribeDBInstances"))?;
    let found = answer.db_instances().first().cloned();
    found.ok_or_else(|| CloudError::Unusable(format!("AWS knows no database {name}")))
}

/// Of the instance's parameter groups, 100 parameters a page.
async fn parameter(cloud: &Cloud, instance: &DbInstance, name: &str) -> Read<Option<String>> {
    let groups = instance.db_parameter_groups().iter();
    for group in groups.filter_map(|group| group.db_parameter_group_name()) {
        let mut parameters = cloud
            .rds
            .describe_db_parameters()
            .db_parameter_group_name(group)
            .into_paginator()
            .items()
            .send();
        while let Some(parameter) = parameters.next().await {
            let parameter = parameter.map_err(aws("rds:DescribeDBParameters"))?;
            if parameter.parameter_name() == Some(name) && parameter.parameter_value().is_some() {
                return Ok(parameter.parameter_value);
            }
        }
    }
    Ok(None)
}
