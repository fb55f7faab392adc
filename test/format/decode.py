#!/usr/bin/python3
"""A second decoder of the backup format, written from docs/format.md alone.

decode.py BUCKET_DIR SOURCE BACKUP_ID OUTDIR [--key-file FILE]
    OUTDIR/<archive>.tar, OUTDIR/backup_manifest, OUTDIR/data: unpacked and, if incremental, combined with its parents
decode.py --wal BUCKET_DIR SOURCE SYSTEM_ID OUTDIR [--key-file FILE]
    OUTDIR/<file> for each WAL file; prints for each its name and how many of its bytes are stored

Whatever differs from the description is an error that names the object.
"""
import argparse, base64, hashlib, json, os, re, shutil, struct, subprocess, sys, tarfile
from pathlib import Path

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError:
    AESGCM = None
if AESGCM is None or shutil.which("zstd") is None:
    sys.exit("decode.py needs AES-GCM and zstd: apt-get install python3-cryptography zstd (and run /usr/bin/python3)")

CIPHER, MIB = "aes-256-gcm", 1 << 20
LSN, TIME = r"[0-9A-F]{1,8}/[0-9A-F]{1,8}", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
WRAPPED_KEY = {"method": "file", "keyId": r"[0-9a-f]{16}", "wrapped": r"[A-Za-z0-9+/]{80}"}
OBJECT = {"name": str, "storedBytes": int, "sha256": r"[0-9a-f]{64}"}
PART = OBJECT | {"archive": r"base|[1-9]\d*", "part": int, "rawBytes": int}
INDEX_PART = PART | {"rawOffset": int, "frames": list, "files": list, "start": dict}
POINT = {"lsn": LSN, "timeline": int, "time": TIME}
SERVER = {"version": str, "major": int, "systemId": r"\d+", "segmentSize": int, "blockSize": int,
          "dataChecksums": bool, "superuser": str}
BACKUP = {"format": "lifeboat/1", "source": str, "backup": r"\d{8}T\d{9}Z-(full|incr)", "kind": "full|incr",
          "parent": object, "server": SERVER, "start": POINT, "stop": POINT,
          "tablespaces": [{"oid": r"[1-9]\d*", "location": str}], "rawBytes": int}
MANIFEST = BACKUP | {"parts": [PART], "index": OBJECT | {"name": "index.jsonl"}, "storedBytes": int,
                     "serverManifest": OBJECT | {"name": "backup_manifest.json"}, "encryption": object,
                     "compression": {"codec": "zstd", "level": int}, "finishedAt": TIME, "requestedBy": str,
                     "execution": object}

class Deviation(Exception):
    pass

def need(condition, name, what):
    if not condition:
        raise Deviation(f"{name}: {what}")

def check(value, shape, name):
    """`shape` is a dict or list of shapes, a type, a pattern of text, or the value itself."""
    if isinstance(shape, dict):
        need(isinstance(value, dict) and value.keys() == shape.keys(), name, f"has not the fields {[*shape]}: {value}")
        for field in shape:
            check(value[field], shape[field], f"{name}: {field}")
    elif isinstance(shape, list):
        for each in value:
            check(each, shape[0], name)
    elif isinstance(shape, str):
        need(isinstance(value, str) and re.fullmatch(shape, value), name, f"is {value}")
    else:
        fits = shape is object or (type(value) is shape if isinstance(shape, type) else value == shape)
        need(fits, name, f"is {value}")

def parse_json(data, name):
    try:
        return json.loads(data.decode("utf-8"))
    except ValueError as error:
        raise Deviation(f"{name}: no JSON: {error}")

def path_of(key):
    """The path of an object in a directory that is a bucket; no name that this decoder meets is longer than 200."""
    *folders, last = (re.sub(r"[%\x00-\x1f\x7f]|^\.", lambda found: f"%{ord(found[0]):02X}", element)
                      for element in key.split("/"))
    return "/".join([*(f"{each}%" if "." in each else each for each in folders), last if "." in last else f"{last}%"])

class Bucket:
    def __init__(self, folder, key_file):
        self.folder, self.keys, self.serials = folder, {}, set()
        lines = [line.split("#")[0].strip() for line in open(key_file, encoding="utf-8")] if key_file else []
        for line in filter(None, lines):
            check(line, r"lifeboat-key-1:[A-Za-z0-9+/]{43}=", key_file)
            key = base64.b64decode(line.partition(":")[2])
            self.keys[hashlib.sha256(key).hexdigest()[:16]] = key

    def get(self, key):
        return Path(self.folder, path_of(key)).read_bytes()

    def unwrap(self, wrapped, context, name):
        check(wrapped, WRAPPED_KEY, name)
        need(wrapped["keyId"] in self.keys, name, f"the key file does not have its key {wrapped['keyId']}")
        data, additional = base64.b64decode(wrapped["wrapped"]), f"lifeboat/1 data key {context}".encode()
        return unseal(self.keys[wrapped["keyId"]], data[:12], data[12:], additional, f"{name}: its data key")

    def read_container(self, name, body, shape, data_key=None, key_context=None):
        """The header, the raw bytes, and the stored and raw length of each frame."""
        magic, length = struct.unpack_from("<2I", body.ljust(8, b"\0"))
        at, flags, raw, frames = 8 + length, 0, [], []
        need(magic == 0x184D2A5E and at <= len(body), name, "has no header")
        digest, header = hashlib.sha256(body[8:at]).digest(), parse_json(body[8:at], name)
        encrypted = header.get("cipher") != "none"
        if key_context:  # the key stands in the header
            shape |= {"cipher": CIPHER, "key": WRAPPED_KEY} if encrypted else {"cipher": "none"}
        check(header, {"format": "lifeboat/1", "serial": int, **shape}, f"{name}: header")
        if key_context and encrypted:
            data_key = self.unwrap(header["key"], key_context, name)
        need(not encrypted or (data_key, header["serial"]) not in self.serials, name, "its serial was used before")
        self.serials.add((data_key, header["serial"]))
        while not flags & 1:
            frame = f"{name}: frame {len(frames)}"
            need(at + 24 <= len(body), frame, "is missing")
            magic, sixteen, stored_length, raw_length, number, flags = struct.unpack_from("<6I", body, at)
            need((magic, sixteen, number) == (0x184D2A5F, 16, len(frames)), frame, "has not its frame header")
            need(raw_length <= 4 * MIB and flags in (0, 1), frame, f"has raw length {raw_length}, flags {flags}")
            stored = body[at + 24:at + 24 + stored_length]
            need(len(stored) == stored_length, frame, "is cut")
            if data_key:
                nonce = struct.pack(">IQ", header["serial"], number)
                stored = unseal(data_key, nonce, stored, digest + body[at + 8:at + 24], frame)
            need(stored[:4] == b"\x28\xb5\x2f\xfd" and stored[4] & 4, frame, "is no zstd frame with a checksum")
            done = subprocess.run(["zstd", "-dcq"], input=stored, capture_output=True)
            need(done.returncode == 0, frame, f"cannot be decompressed: {done.stderr.decode().strip()}")
            need(len(done.stdout) == raw_length, frame, f"has {len(done.stdout)} raw bytes, not {raw_length}")
            raw.append(done.stdout)
            frames.append([stored_length, raw_length])
            at += 24 + stored_length
        need(at == len(body), name, "goes on after its last frame")
        return header, b"".join(raw), frames

def unseal(key, nonce, sealed, additional, name):
    try:
        return AESGCM(key).decrypt(nonce, sealed, additional)
    except InvalidTag:
        raise Deviation(f"{name}: was changed, the tag does not fit")

class Backup:
    def __init__(self, bucket, source, backup, out):
        self.bucket, self.source, self.id, self.out = bucket, source, backup, out
        self.folder, self.files = f"{source}/backups/{backup}", {}
        os.makedirs(f"{out}/data")

    def decode(self):
        name = f"{self.folder}/manifest.json"
        self.manifest = manifest = parse_json(self.bucket.get(name), name)
        check(manifest, MANIFEST | {"source": self.source, "backup": self.id, "kind": self.id[-4:]}, name)
        need((manifest["kind"] == "full") == (manifest["parent"] is None), name, f"its parent is {manifest['parent']}")
        objects = [*manifest["parts"], manifest["index"], manifest["serverManifest"]]
        need(manifest["rawBytes"] == sum(part["rawBytes"] for part in manifest["parts"]), name, "rawBytes is no sum")
        need(manifest["storedBytes"] == sum(each["storedBytes"] for each in objects), name, "storedBytes is no sum")
        self.cipher, self.data_key = "none", None
        if manifest["encryption"] is not None:
            check(manifest["encryption"], {"cipher": CIPHER, "key": WRAPPED_KEY}, name)
            self.cipher = CIPHER
            self.data_key = self.bucket.unwrap(manifest["encryption"]["key"], f"{self.source}/{self.id}", name)
        parts = self.read_index()
        archives = list(dict.fromkeys(part["archive"] for part in parts))
        need(archives == [*(each["oid"] for each in manifest["tablespaces"]), "base"], name, f"archives {archives}")
        for archive in archives:
            self.decode_archive(archive, [part for part in parts if part["archive"] == archive])
        self.decode_server_manifest()
        if manifest["kind"] == "incr":
            self.combine()
        return self

    def read(self, entry, **expected):
        name = f"{self.folder}/{entry['name']}"
        body = self.bucket.get(name)
        need(len(body) == entry["storedBytes"], name, f"has {len(body)} bytes, not {entry['storedBytes']}")
        need(hashlib.sha256(body).hexdigest() == entry["sha256"], name, "has not the SHA-256 of the manifest")
        shape = {"cipher": self.cipher, "source": self.source, "backup": self.id, **expected}
        return self.bucket.read_container(name, body, shape, self.data_key)[1:]

    def read_index(self):
        name = f"{self.folder}/index.jsonl"
        raw, _ = self.read(self.manifest["index"], kind="index")
        need(raw.endswith(b"\n"), name, "its last line is cut")
        first, *lines, last = [parse_json(line, name) for line in raw[:-1].split(b"\n")]
        check(first, {"backup": BACKUP}, name)
        need(first["backup"].items() <= self.manifest.items(), name, "does not have the manifest's backup")
        check(lines, [{"part": INDEX_PART}], name)
        parts = [line["part"] for line in lines]
        need(last == {"end": {"parts": len(parts)}}, name, f"its end after {len(parts)} parts is {last}")
        same = [{field: part[field] for field in PART} for part in parts] == self.manifest["parts"]
        need(same, name, "has not the manifest's parts")
        return parts

    def decode_archive(self, archive, parts):
        target, offset = f"{self.out}/{archive}.tar", 0
        with open(target, "xb") as file:
            for number, part in enumerate(parts):
                name = f"{self.folder}/{archive}.tar.{number:06}"
                check(part, INDEX_PART | {"name": f"{archive}.tar.{number:06}", "part": number, "rawOffset": offset}, name)
                raw, frames = self.read(part, kind="part", archive=archive, part=number)
                need(frames == part["frames"], name, "has not the frames of the index")
                whole = part["rawBytes"] in (64 * MIB, 128 * MIB, 256 * MIB) or part is parts[-1]
                need(len(raw) == part["rawBytes"] and whole, name, f"has {len(raw)} raw bytes")
                file.write(raw)
                offset += len(raw)
        with tarfile.open(target) as tar:
            members = tar.getmembers()
            for part in parts:
                self.check_place(part, members, f"{self.folder}/{part['name']}")
            self.unpack(tar, members, "" if archive == "base" else f"pg_tblspc/{archive}/")

    def check_place(self, part, members, name):
        """Parts begin at multiples of 512: at a header or in a file's content, never in a header or in padding."""
        begin, end = part["rawOffset"], part["rawOffset"] + part["rawBytes"]
        files = [[member.name.removeprefix("./") + "/" * member.isdir(), member.offset, member.size]
                 for member in members if begin <= member.offset < end]
        need(part["files"] == files, name, "the index has not the files that begin in it")
        start = {}
        for member in members:
            if member.offset_data < begin < member.offset_data + member.size:
                start = {"entry": {"path": member.name.removeprefix("./"), "type": "file", "size": member.size,
                                   "mode": member.mode, "target": "", "offset": begin - member.offset_data}}
        need(part["start"] == start, name, f"the index has it start with {part['start']}, not {start}")

    def unpack(self, tar, members, prefix):
        for member in members:
            path = os.path.normpath(prefix + member.name)
            inside = not path.startswith(("/", "../")) and (member.isdir() or member.isreg())
            need(inside, self.folder, f"{member.name} is no file or folder below the archive's")
            target = f"{self.out}/data/{path}"
            os.makedirs(target if member.isdir() else os.path.dirname(target), exist_ok=True)
            if member.isreg():
                self.files[path] = member.size
                with open(target, "xb") as file:
                    shutil.copyfileobj(tar.extractfile(member), file, MIB)

    def decode_server_manifest(self):
        name = f"{self.folder}/backup_manifest.json"
        raw, _ = self.read(self.manifest["serverManifest"], kind="backup_manifest")
        Path(self.out, "backup_manifest").write_bytes(raw)
        listed = {file["Path"]: file["Size"] for file in parse_json(raw, name)["Files"]}
        need(listed == self.files, name, "has not the files of the archives")

    def combine(self):
        parent = Backup(self.bucket, self.source, self.manifest["parent"], f"{self.out}/parent").decode()
        for path in self.files:
            folder, name = os.path.split(path)
            if name.startswith("INCREMENTAL."):
                self.combine_file(path, os.path.join(folder, name.removeprefix("INCREMENTAL.")), f"{parent.out}/data")
        label = Path(self.out, "data/backup_label")
        lines = label.read_bytes().splitlines(keepends=True)
        label.write_bytes(b"".join(line for line in lines if not line.startswith(b"INCREMENTAL FROM ")))

    def combine_file(self, incremental, path, parent):
        size, name, data = self.manifest["server"]["blockSize"], f"{self.folder}: {incremental}", f"{self.out}/data"
        old = Path(parent, path).read_bytes()
        with open(f"{data}/{incremental}", "rb") as changes, open(f"{data}/{path}", "xb") as file:
            magic, count, truncation = struct.unpack("<3I", changes.read(12))
            need(magic == 0xD3AE1F0D, name, "is no incremental file")
            blocks = list(struct.unpack(f"<{count}I", changes.read(4 * count)))
            need(blocks == sorted(set(blocks)), name, "its blocks are not in increasing order")
            padding = changes.read(-changes.tell() % size if count else 0)
            need(not padding.strip(b"\0"), name, "its padding is not zeros")
            file.write(old[:truncation * size])
            for block in blocks:
                file.seek(block * size)
                need(file.write(changes.read(size)) == size, name, "is cut")
            need(changes.read(1) == b"", name, "goes on after its last block")
            file.truncate(max(truncation, blocks[-1] + 1 if blocks else 0) * size)
        os.remove(f"{data}/{incremental}")

class Wal:
    def __init__(self, bucket, source, system_id, out):
        self.bucket, self.source, self.system_id, self.out = bucket, source, system_id, out
        self.folder = f"{source}/wal/{system_id}"
        os.makedirs(out)

    def decode(self):
        chunks = {}
        for key in sorted(self.list_keys()):
            name = f"{self.folder}/{key}"
            pattern = r"([0-9A-F]{8})(\.history|/(\1[0-9A-F]{16})(\.partial)?(?:\.([0-9A-F]{8})-([0-9A-F]{8}))?)"
            found = re.fullmatch(pattern, key)
            need(found and not (found[4] and found[5]), name, "is no key of WAL")
            timeline, _, segment, partial, begin, end = found.groups()
            if not segment:
                _, raw = self.read(name, {"kind": "history", "timeline": int(timeline, 16)})
                self.write(key, raw, len(raw))
                continue
            shape = {"kind": "wal", "timeline": int(timeline, 16), "start": LSN, "end": LSN, "segmentSize": int}
            header, raw = self.read(name, shape | ({"partial": True} if partial else {}))
            size = header["segmentSize"]
            need(begin or size <= 64 * MIB, name, "is stored whole")
            first = (int(segment[8:16], 16) << 32) + int(segment[16:], 16) * size
            start, stop = (int(begin, 16), int(end, 16)) if begin else (0, size)
            lsns = [f"{at >> 32:X}/{at & 0xFFFFFFFF:X}" for at in (first + start, first + stop)]
            need([header["start"], header["end"]] == lsns and stop <= size, name, f"its header does not say {lsns}")
            need(0 < len(raw) == stop - start, name, f"has {len(raw)} raw bytes")
            if begin:
                chunks.setdefault(segment, []).append((start, raw, size, name))
            else:
                self.write(key.split("/")[1], raw, len(raw))
        for segment, found in chunks.items():
            if not os.path.exists(f"{self.out}/{segment}"):
                self.put_together(segment, sorted(found))

    def list_keys(self):
        root = f"{self.bucket.folder}/{self.folder}"
        for folder, _, names in os.walk(root):
            for path in (os.path.relpath(f"{folder}/{name}", root) for name in names):
                need(path_of(path.removesuffix("%")) == path, path, "is no path of a key")
                yield path.removesuffix("%")

    def read(self, name, shape):
        shape |= {"source": self.source, "systemId": self.system_id, "time": TIME}
        return self.bucket.read_container(name, self.bucket.get(name), shape, key_context=self.folder)[:2]

    def put_together(self, segment, chunks):
        together = bytearray()
        for begin, raw, size, name in chunks:
            if begin > len(together):
                break
            shared = min(len(together) - begin, len(raw))
            need(together[begin:begin + shared] == raw[:shared], name, "differs from a chunk that it overlaps")
            together += raw[shared:]
        self.write(segment, together.ljust(size, b"\0"), len(together))

    def write(self, name, raw, stored):
        Path(self.out, name).write_bytes(raw)
        print(name, stored)

def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n", 1)[1])
    parser.add_argument("--wal", action="store_true")
    parser.add_argument("--key-file")
    for name in "bucket", "source", "id", "out":
        parser.add_argument(name)
    given = parser.parse_args()
    try:
        (Wal if given.wal else Backup)(Bucket(given.bucket, given.key_file), given.source, given.id, given.out).decode()
    except (Deviation, OSError) as error:
        sys.exit(f"decode.py: {error}")

main()
