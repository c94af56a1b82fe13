// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// Gloas (EIP-7732): a builder's offer for a slot. A progressive container of 12 fields.
package struct ExecutionPayloadBid: Hashable, Sendable, Container {
    package var parentBlockHash: Bytes<32>
    package var parentBlockRoot: Root
    package var blockHash: Bytes<32>
    package var prevRandao: Bytes<32>
    package var feeRecipient: Bytes<20>
    package var gasLimit: UInt64
    package var builderIndex: UInt64
    package var slot: Slot
    /// In Gwei, as is `executionPayment`.
    package var value: UInt64
    package var executionPayment: UInt64
    package var blobKZGCommitments: [Bytes<48>]
    package var executionRequestsRoot: Root

    package init(
        parentBlockHash: Bytes<32>,
        parentBlockRoot: Root,
        blockHash: Bytes<32>,
        prevRandao: Bytes<32>,
        feeRecipient: Bytes<20>,
        gasLimit: UInt64,
        builderIndex: UInt64,
        slot: Slot,
        value: UInt64,
        executionPayment: UInt64,
        blobKZGCommitments: [Bytes<48>],
        executionRequestsRoot: Root
    ) {
        self.parentBlockHash = parentBlockHash
        self.parentBlockRoot = parentBlockRoot
        self.blockHash = blockHash
        self.prevRandao = prevRandao
        self.feeRecipient = feeRecipient
        self.gasLimit = gasLimit
        self.builderIndex = builderIndex
        self.slot = slot
        self.value = value
        self.executionPayment = executionPayment
        self.blobKZGCommitments = blobKZGCommitments
        self.executionRequestsRoot = executionRequestsRoot
    }

    package func hashTreeRoot() -> Chunk {
        var tree = ProgressiveMerkleizer()
        tree.append(chunk: parentBlockHash)
        tree.append(parentBlockRoot)
        tree.append(chunk: blockHash)
        tree.append(chunk: prevRandao)
        tree.append(feeRecipient)
        tree.append(gasLimit)
        tree.append(builderIndex)
        tree.append(slot)
        tree.append(value)
        tree.append(executionPayment)
        tree.append(chunk: progressiveListRoot(blobKZGCommitments) { $0.vectorRoot() })
        tree.append(executionRequestsRoot)
        return tree.rootOfContainer()
    }
}
