output "pool_id" {
  description = "The user pool."
  value       = aws_cognito_user_pool.this.id
}
