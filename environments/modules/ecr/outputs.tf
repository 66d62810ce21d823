output "repository" {
  description = "The repository's name."
  value       = aws_ecr_repository.this.name
}

output "uri" {
  description = "What an image reference starts with."
  value       = aws_ecr_repository.this.repository_url
}

output "arn" {
  description = "The repository's ARN."
  value       = aws_ecr_repository.this.arn
}
