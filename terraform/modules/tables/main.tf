# SPDX-License-Identifier: Apache-2.0
# The keys of the tables are those of docs/formats.md; the signer refuses a table with others.

resource "aws_dynamodb_table" "slashing" {
  name                        = var.slashing_table
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "record_key"
  range_key                   = "entry_key"
  deletion_protection_enabled = true
  tags                        = var.tags

  attribute {
    name = "record_key"
    type = "S"
  }

  attribute {
    name = "entry_key"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_dynamodb_table" "state" {
  name                        = var.state_table
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "state_key"
  range_key                   = "entry_key"
  deletion_protection_enabled = true
  tags                        = var.tags

  attribute {
    name = "state_key"
    type = "S"
  }

  attribute {
    name = "entry_key"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_dynamodb_table" "keys" {
  name                        = var.keys_table
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "public_key"
  deletion_protection_enabled = true
  tags                        = var.tags

  attribute {
    name = "public_key"
    type = "S"
  }

  attribute {
    name = "status_shard"
    type = "S"
  }

  global_secondary_index {
    name            = "status-shard"
    hash_key        = "status_shard"
    range_key       = "public_key"
    projection_type = "ALL"
  }

  point_in_time_recovery {
    enabled = true
  }

  lifecycle {
    prevent_destroy = true
  }
}
