# SPDX-License-Identifier: Apache-2.0
# What the role of the signer may do. A key of another account has to allow the role in its own policy, too.

locals {
  context = merge(
    { purpose = "master-key-share" },
    var.chamber == null ? {} : { chamber = var.chamber }
  )
}

data "aws_iam_policy_document" "signer" {
  statement {
    sid       = "SharesOfTheMasterKey"
    actions   = concat(["kms:Decrypt"], var.allow_encrypt ? ["kms:Encrypt"] : [])
    resources = var.kms_key_arns

    dynamic "condition" {
      for_each = local.context

      content {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:${condition.key}"
        values   = [condition.value]
      }
    }
  }

  statement {
    sid = "SlashingRecord"

    actions = [
      "dynamodb:DeleteItem",
      "dynamodb:DescribeTable",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:Scan",
      "dynamodb:UpdateItem",
    ]

    resources = [var.slashing_table_arn]
  }

  statement {
    sid = "SignerState"

    actions = [
      "dynamodb:DeleteItem",
      "dynamodb:DescribeTable",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
    ]

    resources = [var.state_table_arn]
  }

  statement {
    sid = "SealedKeys"

    actions = [
      "dynamodb:DescribeTable",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:Scan",
    ]

    resources = [var.keys_table_arn, "${var.keys_table_arn}/index/status-shard"]
  }
}

resource "aws_iam_role_policy" "signer" {
  name   = var.policy_name
  role   = var.role_name
  policy = data.aws_iam_policy_document.signer.json
}
