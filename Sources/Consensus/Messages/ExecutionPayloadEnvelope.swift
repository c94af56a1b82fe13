// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// Gloas (EIP-7732): the payload that a builder delivers for its bid. A progressive container of 5 fields.
package struct ExecutionPayloadEnvelope: Hashable, Sendable {
    package var payload: ExecutionPayload
    package var executionRequests: ExecutionRequests
    package var builderIndex: UInt64
    package var beaconBlockRoot: Root
    package var parentBeaconBlockRoot: Root

    package init(
        payload: ExecutionPayload,
        executionRequests: ExecutionRequests,
        builderIndex: UInt64,
        beaconBlockRoot: Root,
        parentBeaconBlockRoot: Root
    ) {
        self.payload = payload
        self.executionRequests = executionRequests
        self.builderIndex = builderIndex
        self.beaconBlockRoot = beaconBlockRoot
        self.parentBeaconBlockRoot = parentBeaconBlockRoot
    }

    func hashTreeRoot() throws(SigningRequestError) -> Chunk {
        var tree = ProgressiveMerkleizer()
        tree.append(chunk: try payload.hashTreeRoot())
        tree.append(executionRequests)
        tree.append(builderIndex)
        tree.append(beaconBlockRoot)
        tree.append(parentBeaconBlockRoot)
        return tree.rootOfContainer()
    }
}

/// An execution block as Gloas knows it: the fields of Deneb, then the access list and the slot. 19 fields, progressive.
package struct ExecutionPayload: Hashable, Sendable {
    /// `MAX_EXTRA_DATA_BYTES`, in every preset.
    package static let maxExtraDataBytes = 32

    package var parentHash: Bytes<32>
    package var feeRecipient: Bytes<20>
    package var stateRoot: Root
    package var receiptsRoot: Root
    package var logsBloom: Bytes<256>
    package var prevRandao: Bytes<32>
    package var blockNumber: UInt64
    package var gasLimit: UInt64
    package var gasUsed: UInt64
    package var timestamp: UInt64
    package var extraData: [UInt8]
    /// A `uint256`, little-endian, in wei.
    package var baseFeePerGas: Bytes<32>
    package var blockHash: Bytes<32>
    package var transactions: [[UInt8]]
    package var withdrawals: [Withdrawal]
    package var blobGasUsed: UInt64
    package var excessBlobGas: UInt64
    package var blockAccessList: [UInt8]
    package var slotNumber: Slot

    package init(
        parentHash: Bytes<32>,
        feeRecipient: Bytes<20>,
        stateRoot: Root,
        receiptsRoot: Root,
        logsBloom: Bytes<256>,
        prevRandao: Bytes<32>,
        blockNumber: UInt64,
        gasLimit: UInt64,
        gasUsed: UInt64,
        timestamp: UInt64,
        extraData: [UInt8],
        baseFeePerGas: Bytes<32>,
        blockHash: Bytes<32>,
        transactions: [[UInt8]],
        withdrawals: [Withdrawal],
        blobGasUsed: UInt64,
        excessBlobGas: UInt64,
        blockAccessList: [UInt8],
        slotNumber: Slot
    ) {
        self.parentHash = parentHash
        self.feeRecipient = feeRecipient
        self.stateRoot = stateRoot
        self.receiptsRoot = receiptsRoot
        self.logsBloom = logsBloom
        self.prevRandao = prevRandao
        self.blockNumber = blockNumber
        self.gasLimit = gasLimit
        self.gasUsed = gasUsed
        self.timestamp = timestamp
        self.extraData = extraData
        self.baseFeePerGas = baseFeePerGas
        self.blockHash = blockHash
        self.transactions = transactions
        self.withdrawals = withdrawals
        self.blobGasUsed = blobGasUsed
        self.excessBlobGas = excessBlobGas
        self.blockAccessList = blockAccessList
        self.slotNumber = slotNumber
    }

    func hashTreeRoot() throws(SigningRequestError) -> Chunk {
        var tree = ProgressiveMerkleizer()
        tree.append(chunk: parentHash)
        tree.append(feeRecipient)
        tree.append(stateRoot)
        tree.append(receiptsRoot)
        tree.append(chunk: logsBloom.vectorRoot())
        tree.append(chunk: prevRandao)
        tree.append(blockNumber)
        tree.append(gasLimit)
        tree.append(gasUsed)
        tree.append(timestamp)
        tree.append(chunk: try listRoot("extra_data", extraData, limit: Self.maxExtraDataBytes))
        tree.append(chunk: baseFeePerGas)
        tree.append(chunk: blockHash)
        tree.append(chunk: progressiveListRoot(transactions) { progressiveListRoot($0) })
        tree.append(chunk: progressiveListRoot(withdrawals))
        tree.append(blobGasUsed)
        tree.append(excessBlobGas)
        tree.append(chunk: progressiveListRoot(blockAccessList))
        tree.append(slotNumber)
        return tree.rootOfContainer()
    }
}

/// Coins that leave the beacon chain in a payload.
package struct Withdrawal: Hashable, Sendable, Container {
    package var index: UInt64
    package var validatorIndex: UInt64
    package var address: Bytes<20>
    /// In Gwei.
    package var amount: UInt64

    package init(index: UInt64, validatorIndex: UInt64, address: Bytes<20>, amount: UInt64) {
        self.index = index
        self.validatorIndex = validatorIndex
        self.address = address
        self.amount = amount
    }

    package func hashTreeRoot() -> Chunk {
        var tree = Merkleizer<2>()
        tree.append(index)
        tree.append(validatorIndex)
        tree.append(address)
        tree.append(amount)
        return tree.root()
    }
}
