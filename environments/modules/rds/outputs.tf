output "database" {
  description = "The foundation document's `database` of the cell."
  value = {
    instance         = aws_db_instance.this.identifier
    host             = aws_db_instance.this.address
    port             = aws_db_instance.this.port
    admin_secret_arn = aws_db_instance.this.master_user_secret[0].secret_arn
  }
}
