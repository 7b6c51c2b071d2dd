"""CRC-32C (Castagnoli) with numpy, and the masked form that TFRecord files carry."""

from functools import cache

import numpy as np

LANE = 256
POLYNOMIAL = np.uint32(0x82F63B78)


@cache
def _table():
    """The effect of two bytes on a zero register, uint32 `[65536]`."""
    value = np.arange(65536, dtype=np.uint32)
    for _ in range(16):
        value = (value >> np.uint32(1)) ^ (POLYNOMIAL * (value & np.uint32(1)))
    return value


@cache
def _shift(power):
    """The columns of the matrix over GF(2) that feeds `2**power` zero bytes into a register, uint32 `[32]`."""
    if power == 0:
        table, unit = _table(), np.uint32(1) << np.arange(32, dtype=np.uint32)
        return (unit >> np.uint32(8)) ^ table[(unit & np.uint32(0xFF)) << np.uint32(8)]
    half = _shift(power - 1)
    return _apply(half, half)


def _apply(columns, registers):
    out = np.zeros_like(registers)
    for bit in range(32):
        out ^= columns[bit] * ((registers >> np.uint32(bit)) & np.uint32(1))
    return out


def crc32c(data):
    """The CRC-32C of some bytes.

    The bytes are laid out in lanes of 256 which advance together, two bytes at a time; then neighbouring lanes are
    joined in a tree.

    Args:
        data: a bytes-like object of at least 4 bytes.

    Returns:
        An int, 0 ... 2**32 - 1.
    """
    if len(data) == 8:  # the length field of every record, not worth a tree
        register = int.from_bytes(data, "little") ^ 0xFFFFFFFF
        for _ in range(4):
            register = (register >> 16) ^ int(_table()[register & 0xFFFF])
        return register ^ 0xFFFFFFFF
    raw = np.frombuffer(data, np.uint8)
    lanes = -(-len(raw) // LANE)
    padded = np.zeros(lanes * LANE, np.uint8)  # zeros in front leave a zero register alone
    begin = len(padded) - len(raw)
    padded[begin:] = raw
    padded[begin : begin + 4] ^= 0xFF  # the same as starting from a register of ones
    words = np.ascontiguousarray(padded.view("<u2").reshape(lanes, LANE // 2).T).astype(np.uint32)
    table, registers = _table(), np.zeros(lanes, np.uint32)
    for row in words:
        registers = (registers >> np.uint32(16)) ^ table[(registers ^ row) & np.uint32(0xFFFF)]
    power = LANE.bit_length() - 1
    while len(registers) > 1:
        if len(registers) % 2:
            registers = np.concatenate([np.zeros(1, np.uint32), registers])
        registers = _apply(_shift(power), registers[::2]) ^ registers[1::2]
        power += 1
    return int(registers[0]) ^ 0xFFFFFFFF


def masked_crc32c(data):
    """The CRC as TFRecord files store it: rotated by 15 bits, plus a constant."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
