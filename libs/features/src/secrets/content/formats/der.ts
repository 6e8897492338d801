import forge from 'node-forge';

/** The bytes are not the ASN.1 that the format prescribes. Says nothing about what they are. */
export class MalformedDer extends Error {}

/**
 * One ASN.1 value with typed steps to what it holds; every step that the value does not allow throws
 * {@link MalformedDer}. Reads BER too (indefinite lengths, strings in pieces), which PKCS #12 permits.
 */
export class DerValue {
  private constructor(private readonly node: forge.asn1.Asn1) {}

  /** @throws MalformedDer also when bytes are left over */
  static parse(bytes: Buffer): DerValue {
    try {
      return new DerValue(forge.asn1.fromDer(bytes.toString('latin1'), true));
    } catch {
      throw new MalformedDer();
    }
  }

  /** The values inside a SEQUENCE, SET or explicit tag. */
  get children(): readonly DerValue[] {
    if (!Array.isArray(this.node.value)) throw new MalformedDer();
    return this.node.value.map((node) => new DerValue(node));
  }

  find(index: number): DerValue | undefined {
    return this.children[index];
  }

  get(index: number): DerValue {
    const child = this.find(index);
    if (child === undefined) throw new MalformedDer();
    return child;
  }

  get isInteger(): boolean {
    return this.isUniversal(forge.asn1.Type.INTEGER);
  }

  /** An object identifier in dots, such as `1.2.840.113549.1.7.1`. */
  oid(): string {
    if (!this.isUniversal(forge.asn1.Type.OID)) throw new MalformedDer();
    return forge.asn1.derToOid(this.bytes().toString('latin1'));
  }

  /** A non-negative integer, as exactly as a double can. */
  integer(): number {
    const bytes = this.bytes();
    if (!this.isInteger || bytes.length === 0 || bytes[0]! >= 0x80) throw new MalformedDer();
    return Number(BigInt(`0x${bytes.toString('hex')}`));
  }

  /** The bytes of an OCTET STRING; also when tagged implicitly, and when in pieces. */
  octets(): Buffer {
    return Array.isArray(this.node.value) ? Buffer.concat(this.children.map((piece) => piece.octets())) : this.bytes();
  }

  /** The characters of a string. */
  text(): string {
    const { value } = this.node;
    if (typeof value !== 'string') throw new MalformedDer();
    return value; // forge has decoded a BMPString
  }

  private isUniversal(type: forge.asn1.Type): boolean {
    return this.node.tagClass === forge.asn1.Class.UNIVERSAL && this.node.type === type;
  }

  private bytes(): Buffer {
    return Buffer.from(this.text(), 'latin1');
  }
}
