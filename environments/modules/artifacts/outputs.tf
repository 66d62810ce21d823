output "bucket" {
  description = "Bucket of dumps, snapshots, journals and leases."
  value       = aws_s3_bucket.artifacts.bucket
}

output "replica_bucket" {
  description = "Its copy in the DR region."
  value       = aws_s3_bucket.replica.bucket
}

output "log_bucket" {
  description = "Bucket of services' logs, usable once its policy is in place."
  value       = aws_s3_bucket_policy.logs.bucket
}
