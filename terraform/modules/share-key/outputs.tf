# SPDX-License-Identifier: Apache-2.0

output "arn" {
  description = "The ARN of the key itself: aliases are refused."
  value       = aws_kms_key.share.arn
}
