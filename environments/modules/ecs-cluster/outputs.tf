output "name" {
  description = "The cluster's name."
  value       = aws_ecs_cluster.this.name
}

output "arn" {
  description = "The cluster's ARN."
  value       = aws_ecs_cluster.this.arn
}

output "job" {
  description = "The foundation document's `job`."
  value = {
    execution_role_arn = aws_iam_role.execution.arn
    task_role_arn      = aws_iam_role.task.arn
    log_group          = aws_cloudwatch_log_group.jobs.name
  }
}
