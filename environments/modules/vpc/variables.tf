variable "environment" {
  description = "`dev`, `sit` or `prod`."
  type        = string

  validation {
    condition     = contains(["dev", "sit", "prod"], var.environment)
    error_message = "environment must be dev, sit or prod."
  }
}

variable "cidr" {
  description = "The VPC's IPv4 range: a /16 leaves room for three /20 task subnets."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "cidr must be an IPv4 range of /16, such as 10.20.0.0/16."
  }
}

variable "zones" {
  description = "Availability zones, two at least: load balancers and Multi-AZ databases need them."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 4 && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones must name two to four different availability zones."
  }
}

variable "nat" {
  description = "How tasks reach the internet: `gateway` (one, managed), `gateway_each_zone` (survives the loss of a zone) or `instance` (a small EC2 instance, the cheapest, gone while it is replaced)."
  type        = string
  default     = "gateway"

  validation {
    condition     = contains(["gateway", "gateway_each_zone", "instance"], var.nat)
    error_message = "nat must be gateway, gateway_each_zone or instance."
  }
}

variable "task_port" {
  description = "TCP port on which tasks serve."
  type        = number
  default     = 8080
}

variable "log_retention_days" {
  description = "Days for which flow logs are kept."
  type        = number
  default     = 365
}

variable "key_arn" {
  description = "KMS key of the flow logs' log group."
  type        = string
}
