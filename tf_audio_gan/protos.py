"""Protocol buffer messages described by a table, for the few that no installed package describes.

Each table gets a descriptor pool of its own: nothing collides with `tensorflow-serving-api`, and on the wire a
message is its fields' numbers and types alone.
"""

TYPES = {"string": 9, "bytes": 12, "int64": 3, "int32": 5, "uint32": 13, "bool": 8, "float": 2, "double": 1}


def message_classes(package, messages, enums=None):
    """Make the classes of a table.

    Args:
        package: str, the package that the messages are described in; any name of our own.
        messages: dict, message -> list of (field, number, type). A type is a key of `TYPES`, an enum or a message;
            with `*` after it the field is repeated, with `@name` it belongs to that oneof. A map is written as what
            it is on the wire, a repeated message of `key` and `value`; a message that is kept as its bytes is `bytes`.
        enums: dict, enum -> dict of value name -> number.

    Returns:
        dict, message -> class.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, values in (enums or {}).items():
        described = file.enum_type.add(name=name)
        for value, number in values.items():
            described.value.add(name=value, number=number)
    for name, fields in messages.items():
        described = file.message_type.add(name=name)
        oneofs = []
        for field in fields:
            _add_field(described, oneofs, package, enums or {}, *field)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in messages}


def _add_field(described, oneofs, package, enums, name, number, kind):
    kind, _, oneof = kind.partition("@")
    field = described.field.add(name=name, number=number, label=3 if kind.endswith("*") else 1)
    kind = kind.rstrip("*")
    if kind in TYPES:
        field.type = TYPES[kind]
    else:
        field.type, field.type_name = (14 if kind in enums else 11), f".{package}.{kind}"
    if oneof:
        if oneof not in oneofs:
            oneofs.append(oneof)
            described.oneof_decl.add(name=oneof)
        field.oneof_index = oneofs.index(oneof)
