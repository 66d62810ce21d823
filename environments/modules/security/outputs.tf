output "key_arn" {
  description = "The environment's key."
  value       = aws_kms_key.this.arn
}

output "dr_key_arn" {
  description = "Its replica in the DR region."
  value       = aws_kms_replica_key.dr.arn
}
