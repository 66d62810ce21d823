variable "environment" {
  description = "`dev`, `sit` or `prod`."
  type        = string

  validation {
    condition     = contains(["dev", "sit", "prod"], var.environment)
    error_message = "environment must be dev, sit or prod."
  }
}

variable "repository" {
  description = "The GitHub repository whose workflows act here. Ids, which a renamed or replaced repository does not inherit, as `gh api repos/OWNER/NAME` shows them; null for a repository made before 15 July 2026."
  type = object({
    owner    = string
    name     = string
    owner_id = optional(number)
    id       = optional(number)
  })

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+$", var.repository.owner)) && can(regex("^[A-Za-z0-9._-]+$", var.repository.name))
    error_message = "repository must be the owner and the name of one repository, without wildcards."
  }
}

variable "artifacts_bucket" {
  description = "Bucket of journals, leases, ledgers and dumps."
  type        = string
}

variable "key_arn" {
  description = "KMS key of artifacts and secrets."
  type        = string
}

variable "cluster_arn" {
  description = "The ECS cluster."
  type        = string
}

variable "repository_arns" {
  description = "ECR repositories that are read: first the environment's own, which is also written, then those that images come from."
  type        = list(string)
}

variable "pool_id" {
  description = "The Cognito pool."
  type        = string
}

variable "zone_id" {
  description = "The Route 53 zone."
  type        = string
}

variable "job" {
  description = "Roles of the cells' administrative jobs."
  type        = object({ execution_role_arn = string, task_role_arn = string })
}

variable "dr" {
  description = "In the DR region: the artifacts' replica and its key, and the role with which AWS Backup restores."
  type        = object({ region = string, bucket = string, key_arn = string, backup_role_arn = string })
}
