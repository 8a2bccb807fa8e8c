/** What a channel keeps of one incident, over all replicas: the id of the message it posted, say. */
export interface IncidentNotes {
  /** What was written last; undefined where nothing was. */
  read(): Promise<string | undefined>;
  /** Keeps `note` until the incident is resolved. */
  write(note: string): Promise<void>;
}
