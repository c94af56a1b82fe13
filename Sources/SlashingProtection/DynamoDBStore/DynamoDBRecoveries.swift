// SPDX-License-Identifier: Apache-2.0
internal import DynamoDB
internal import Encoding

extension DynamoDBLayout {
    /// The last recovery and the instances that take part.
    static let recovery: Item = ["record_key": .string("record"), "entry_key": .string("recovery")]

    /// Where an instance leaves its trace; under a key of its own, so that instances do not share a partition's limit.
    static func looks(of instance: FloorInstance) -> Item {
        ["record_key": .string("instance#" + instance.digits), "entry_key": .string("looks")]
    }
}

/// The list of instances as it lies in a table.
struct DynamoDBRecoveries: Equatable {
    /// Rises with every change; 0 where nothing has been written.
    var revision: UInt64 = 0
    var number: UInt64 = 0
    var instances: [KnownInstance] = []
    /// The table that this was written in.
    var table: String?

    init() {}

    init(_ list: RecoveryList, revision: UInt64, table: String?) {
        self.revision = revision
        self.table = table
        number = list.number
        instances = list.instances
    }

    /// Nil for what is no list.
    init?(_ item: Item) {
        guard let revision = item["revision"]?.number, let number = item["last_recovery"]?.number else { return nil }
        self.revision = revision
        self.number = number
        table = item["written_in"]?.string
        for (name, value) in item where name.hasPrefix("merged_") {
            let digits = String(name.dropFirst("merged_".count))
            guard let merged = value.number, let bytes = try? Hex.decode("0x" + digits),
                let identifier = Bytes<16>(bytes)
            else { return nil }
            let instance = FloorInstance(identifier: identifier, name: item["name_" + digits]?.string ?? "")
            instances.append(KnownInstance(instance, merged: merged))
        }
        instances.sort { ($0.instance.name, $0.instance.digits) < ($1.instance.name, $1.instance.digits) }
    }

    var item: Item {
        var item = DynamoDBLayout.recovery
        item["revision"] = .number(revision)
        item["last_recovery"] = .number(number)
        if let table { item["written_in"] = .string(table) }
        for known in instances {
            item["merged_" + known.instance.digits] = .number(known.merged)
            item["name_" + known.instance.digits] = .string(known.instance.name)
        }
        return item
    }

    /// The list as it holds in `table`. In a copy it begins with a recovery that nobody has merged in: the items of a
    /// backup need not be of one moment, so one that holds a merge need not hold what was merged; and it may lack what
    /// instances have let out that do not notice it themselves.
    func list(in table: String?) -> RecoveryList {
        let isCopy = self.table != nil && table != nil && self.table != table
        return RecoveryList(number: isCopy ? number + 1 : number, instances: instances)
    }
}
