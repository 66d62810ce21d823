output "foundation" {
  description = "The foundation document."
  value       = module.environment.foundation
}

output "delegation" {
  description = "What the parent zone must hold: NS, and DS where the zone is signed."
  value       = { ns = module.environment.name_servers, ds = module.environment.ds_record }
}

output "workflow_roles" {
  description = "What GitHub's workflows assume, by what they do."
  value       = module.environment.workflow_roles
}
