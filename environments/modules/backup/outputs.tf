output "vault" {
  description = "Name of the vault, the same in both regions."
  value       = aws_backup_vault.this.name
}
