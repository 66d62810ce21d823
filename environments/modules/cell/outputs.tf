output "cell" {
  description = "The foundation document's cell."
  value = {
    name              = var.cell
    load_balancer     = module.alb.load_balancer
    origin_secret_arn = module.alb.origin_secret_arn
    database          = module.rds.database
    file_system_id    = module.efs.file_system_id
  }
}
