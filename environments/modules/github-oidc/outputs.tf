output "role_arns" {
  description = "What workflows assume, by what they do: `plan`, `apply`, `promote`, `dr`."
  value       = { for name, role in aws_iam_role.this : name => role.arn }

  # A role without its policy may do nothing yet.
  depends_on = [aws_iam_role_policy.this]
}
