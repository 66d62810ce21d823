# Bringing back what was lost, in the DR region: recovery points are restored by AWS Backup with its own role, and artifacts are
# read from their replica. Network, cluster and load balancers are Terraform's, by a person.

locals {
  dr_vault = "arn:${local.partition}:backup:${var.dr.region}:${local.account}:backup-vault:${local.name}"

  dr = [
    {
      Sid      = "FindRecoveryPoints"
      Effect   = "Allow"
      Action   = ["backup:DescribeBackupVault", "backup:ListRecoveryPointsByBackupVault"]
      Resource = local.dr_vault
    },
    {
      # A recovery point's ARN is that of the service which holds it, and has no name of ours.
      Sid    = "Restore"
      Effect = "Allow"
      Action = ["backup:StartRestoreJob", "backup:DescribeRecoveryPoint", "backup:GetRecoveryPointRestoreMetadata"]
      Resource = [
        "arn:${local.partition}:rds:${var.dr.region}:${local.account}:snapshot:awsbackup:*",
        "arn:${local.partition}:backup:${var.dr.region}:${local.account}:recovery-point:*",
      ]
    },
    {
      # A job belongs to the account; IAM knows no resource for it.
      Sid       = "FollowRestore"
      Effect    = "Allow"
      Action    = "backup:DescribeRestoreJob"
      Resource  = "*"
      Condition = { StringEquals = { "aws:RequestedRegion" = var.dr.region } }
    },
    {
      Sid       = "PassBackupRole"
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = var.dr.backup_role_arn
      Condition = { StringEquals = { "iam:PassedToService" = "backup.amazonaws.com" } }
    },
    {
      Sid      = "ReadReplica"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:ListBucket"]
      Resource = ["arn:${local.partition}:s3:::${var.dr.bucket}", "arn:${local.partition}:s3:::${var.dr.bucket}/*"]
    },
    {
      Sid       = "DecryptReplica"
      Effect    = "Allow"
      Action    = "kms:Decrypt"
      Resource  = var.dr.key_arn
      Condition = { StringEquals = { "kms:ViaService" = "s3.${var.dr.region}.amazonaws.com" } }
    },
  ]
}
