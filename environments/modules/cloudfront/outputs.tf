output "edge" {
  description = "The foundation document's `edge`. The policies are AWS's own, with the same ids in every account (CloudFront Developer Guide, \"Use managed cache policies\" and \"Use managed origin request policies\")."
  value = {
    certificate_region       = "us-east-1"
    web_acl_arn              = aws_wafv2_web_acl.this.arn
    suspended_function_arn   = aws_cloudfront_function.suspended.arn
    static_cache_policy_id   = "658327ea-f89d-4fab-a63d-7e88639e58f6" # CachingOptimized
    dynamic_cache_policy_id  = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" # CachingDisabled
    origin_request_policy_id = "216adef6-5c7f-47e4-b989-5492eafa07d3" # AllViewer
  }
}
