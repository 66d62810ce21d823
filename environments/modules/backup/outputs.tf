output "role_arn" {
  description = "What AWS Backup takes and restores with."
  value       = aws_iam_role.backup.arn
}

output "vault" {
  description = "Name of the vault, the same in both regions."
  value       = aws_backup_vault.this.name
}
