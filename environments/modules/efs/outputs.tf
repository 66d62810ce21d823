output "file_system_id" {
  description = "The file system."
  value       = aws_efs_file_system.this.id

  # What mounts it must find its mount targets and its policy.
  depends_on = [aws_efs_mount_target.this, aws_efs_file_system_policy.this]
}
